"""Reading the audit: is it whole (AUDIT-1), and what does it say of somebody or some time?

What the chain proves: no line was changed, taken out, put in or moved, and none is missing at the beginning (beyond the
anchor) or at the end (before the head). What it cannot prove alone: that nobody wrote all of it anew, `chain.json` included.
Whoever fears that notes the head's hash elsewhere now and then, and gives it to `verify` later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .audit_files import STATE, Head, every_line, read_state
from .audit_lines import GENESIS, unseal

PROBLEMS_MAX = 50


@dataclass(slots=True)
class Verdict:
    """`head` is the hash of the last line."""

    lines: int = 0
    head: str = GENESIS
    problems: list[str] = field(default_factory=list)


def verify(directory: Path, seen: str = "") -> Verdict:
    """Read every line. `seen`: the hash of a line noted earlier, which must still be there."""
    head, anchor = read_state(directory)
    verdict = Verdict(head=anchor.hash)
    hashes_wanted = {seen} if seen else set()
    n, prev, at_head = anchor.n, anchor.hash, ""
    for path, number, raw, ended in every_line(directory):
        where = f"{path.name}, line {number}"
        line = unseal(raw)
        if line is None and not ended and n >= head.n and path.name == (head.file or path.name):
            continue  # being written at this moment, or torn by a crash: the daemon cuts it off
        verdict.lines += 1
        if line is None:
            verdict.problems.append(f"{where}: was changed, or is no line of ours")
            n, prev = n + 1, ""
        else:
            if verdict.lines > 1 or line["n"] > anchor.n:  # else: retention was interrupted, the anchor is ahead of it
                verdict.problems += _breaks(where, line, n, prev)
            n, prev = line["n"], line["hash"]
            hashes_wanted.discard(prev)
            at_head = prev if n == head.n else at_head
        if len(verdict.problems) >= PROBLEMS_MAX:
            verdict.problems.append("and more; reading stopped here")
            return verdict
    verdict.head = prev
    verdict.problems += _ends(directory, verdict.lines, n, head, at_head)
    verdict.problems += [f"no line has the hash {one}" for one in hashes_wanted]
    return verdict


def select(directory: Path, since: str = "", until: str = "", conversation: str = "") -> Iterator[dict[str, Any]]:
    """Lines with `since` <= time < `until` (ISO 8601, UTC), about one conversation or guest session. Broken ones are left out."""
    for _, _, raw, _ in every_line(directory):
        line = unseal(raw)
        if line is None or line["time"] < since or (until and line["time"] >= until):
            continue
        if not conversation or conversation in (line.get("conversation"), line.get("session")):
            yield line


def _breaks(where: str, line: dict[str, Any], n: int, prev: str) -> list[str]:
    """What does not fit between this line and the one before. `prev` "": the one before was broken itself."""
    if line["n"] > n + 1:
        return [f"{where}: lines {n + 1} to {line['n'] - 1} before it are missing"]
    if line["n"] <= n:
        return [f"{where}: line {line['n']} stands after line {n}: it was put in, repeated or moved"]
    if prev and line["prev"] != prev:
        return [f"{where}: does not continue the line before it: one of the two was replaced"]
    return []


def _ends(directory: Path, lines: int, n: int, head: Head, at_head: str) -> list[str]:
    if not (directory / STATE).exists():
        return [f"{STATE} is missing: whether the beginning or the end was cut off cannot be told"] if lines else []
    if n < head.n:
        return [f"the end is missing: lines {n + 1} to {head.n} were written, the last one into {head.file}"]
    if at_head != head.hash and head.n:
        return [f"line {head.n} is not the one that was written: its hash was {head.hash}"]
    return []
