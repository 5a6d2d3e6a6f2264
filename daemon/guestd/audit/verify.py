"""Reading the audit: is it whole (AUDIT-1), and what does it say of a guest or a time?

What the chain proves: no line was changed, taken out, put in or moved, and none is missing at the
beginning (beyond the anchor) or at the end (before the head). What it cannot prove alone: that
it was not written anew as a whole, `chain.json` included. To rule that out, note the head's hash
elsewhere now and then, and gives it to `verify` later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .chain_state import STATE, Head, read_state
from .directory import NAME, every_line
from .entries import BREAK, GENESIS, unseal

PROBLEMS_MAX = 50


@dataclass(slots=True)
class AuditVerdict:
    """`head` is the hash of the last line."""

    lines: int = 0
    head: str = GENESIS
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class _End:
    """The line that bears the head's number: its hash, its file, and the byte where it ends."""

    hash: str = ""
    file: str = ""
    bytes: int = 0


def verify(directory: Path, seen: str = "") -> AuditVerdict:
    """Read every line. `seen`: the hash of a line noted earlier, which must still be there."""
    state = read_state(directory)
    head, anchor = state.head, state.anchor
    verdict = AuditVerdict(head=anchor.hash)
    if state.damage:
        problem = (
            f"{STATE} {state.damage}: whether the beginning or the end was cut off cannot be told"
        )
        verdict.problems.append(problem)
    hashes_wanted = {seen} if seen else set()
    n, prev, bytes_before, ends = anchor.n, anchor.hash, 0, _End()
    for path, number, raw, ended in every_line(directory):
        where = f"{path.name}, line {number}"
        line = unseal(raw)
        bytes_before = 0 if number == 1 else bytes_before
        if line is None and not ended and n >= head.n and path.name == (head.file or path.name):
            continue  # being written at this moment, or torn by a crash: the daemon cuts it off
        verdict.lines += 1
        bytes_before += len(raw) + ended
        if line is None:
            verdict.problems.append(f"{where}: was changed, or is not a line of ours")
            n, prev = n + 1, ""
        else:
            if number == 1:
                verdict.problems += _misnamed(path.name, line)
            # The first line: retention was interrupted, and the anchor is ahead of it; or the
            # anchor is not known.
            if verdict.lines > 1 or (line["n"] > anchor.n and not state.damage):
                verdict.problems += _breaks(where, line, n, prev)
            verdict.problems += _recorded(where, line)
            n, prev = line["n"], line["hash"]
            hashes_wanted.discard(prev)
            if n == head.n:
                ends = _End(prev, path.name, bytes_before)
        if len(verdict.problems) >= PROBLEMS_MAX:
            verdict.problems.append("and more; reading stopped here")
            return verdict
    verdict.head = prev
    if not state.damage:
        verdict.problems += _wrong_end(directory, n, head, ends)
    verdict.problems += [f"no line has the hash {one}" for one in hashes_wanted]
    return verdict


def select(
    directory: Path, since: str = "", until: str = "", conversation: str = ""
) -> Iterator[dict[str, Any]]:
    """Lines with `since` <= time < `until` (ISO 8601, UTC), about one conversation or guest
    session. Broken ones are left out."""
    for _, _, raw, _ in every_line(directory):
        line = unseal(raw)
        if line is None or line["time"] < since or (until and line["time"] >= until):
            continue
        if not conversation or conversation in (line.get("conversation"), line.get("session")):
            yield line


def _breaks(where: str, line: dict[str, Any], n: int, prev: str) -> list[str]:
    """What does not fit between this line and the one before. `prev` "": the one before was broken
    itself."""
    if line["n"] > n + 1:
        return [f"{where}: lines {n + 1} to {line['n'] - 1} before it are missing"]
    if line["n"] <= n:
        return [
            f"{where}: line {line['n']} stands after line {n}: it was put in, repeated or moved"
        ]
    if prev and line["prev"] != prev:
        return [f"{where}: does not continue the line before it: one of the two was replaced"]
    return []


def _recorded(where: str, line: dict[str, Any]) -> list[str]:
    """What the daemon itself found when it began this file."""
    if line.get("action") != BREAK:
        return []
    reason = line.get("details", {}).get("reason", "")
    return [
        f"{where}: the daemon found damage here: {reason}; what was before it may be incomplete"
    ]


def _misnamed(name: str, line: dict[str, Any]) -> list[str]:
    """A file bears the number of its first line."""
    found = NAME.fullmatch(name)
    if found is None or int(found[1]) != line["n"]:
        return [f"{name}: begins with line {line['n']}; the file was renamed"]
    return []


def _wrong_end(directory: Path, n: int, head: Head, ends: _End) -> list[str]:
    """What does not fit between the head and the line that bears its number."""
    if n < head.n:
        return [
            f"the end is missing: lines {n + 1} to {head.n} were written, the last one into"
            f" {head.file}"
        ]
    if head.n and ends.hash != head.hash:
        return [f"line {head.n} is not the one that was written: its hash was {head.hash}"]
    if head.file and not (directory / head.file).exists():
        return [f"{head.file} is missing: it was removed or renamed"]
    if head.bytes and (ends.file, ends.bytes) != (head.file, head.bytes):
        return [
            f"line {head.n} ends at byte {ends.bytes} of {ends.file}, and was written to"
            f" {head.bytes} of {head.file}"
        ]
    return []
