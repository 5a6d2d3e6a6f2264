"""`chain.json`: how far the audit is certainly on the disk, and where its chain begins.

    head      the last line that was synced, and the file and byte where it ends
    anchor    the last line that retention deleted
    sum       SHA-256 of the two as they are written

A file that is missing, or has one byte other than we write it, is damage. It is said, never taken
for a beginning: without the head a cut end cannot be told from a whole one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from ..runtime.files import replace_private
from .entries import GENESIS

STATE = "chain.json"


@dataclass(slots=True, frozen=True)
class Head:
    n: int = 0
    hash: str = GENESIS
    file: str = ""
    bytes: int = 0


@dataclass(slots=True, frozen=True)
class Anchor:
    n: int = 0
    hash: str = GENESIS


@dataclass(slots=True, frozen=True)
class ChainState:
    """`damage`: what is wrong with the file, "" if nothing is; then head and anchor are those of an
    empty audit."""

    head: Head = field(default_factory=Head)
    anchor: Anchor = field(default_factory=Anchor)
    damage: str = ""


MISSING = "is missing"


def read_state(directory: Path) -> ChainState:
    """Never raises."""
    try:
        raw = (directory / STATE).read_bytes()
    except FileNotFoundError:
        return ChainState(damage=MISSING)
    except OSError as error:
        return ChainState(damage=f"cannot be read: {error.strerror}")
    try:
        found = json.loads(raw)
        state = ChainState(Head(**found["head"]), Anchor(**found["anchor"]))
        as_written = raw in (_written(state), _written_before_sums(state))
    except (ValueError, TypeError, KeyError, RecursionError):
        as_written = False
    return state if as_written else ChainState(damage="is not as it was written")


def save_state(directory: Path, head: Head, anchor: Anchor) -> None:
    """Replace the file, durably. Raises OSError; then it is as it was."""
    replace_private(directory / STATE, _written(ChainState(head, anchor)))


def _written_before_sums(state: ChainState) -> bytes:
    """As version 0.1 wrote it."""
    return json.dumps({"head": asdict(state.head), "anchor": asdict(state.anchor)}).encode()


def _written(state: ChainState) -> bytes:
    plain = _written_before_sums(state)
    return plain[:-1] + b', "sum": "%s"}' % sha256(plain).hexdigest().encode()
