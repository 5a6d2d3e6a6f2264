"""The ring as a value: which key signs, which are still believed, which are no more. No file is touched here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

State = Literal["signing", "overlap", "retired"]

VERSION = 1


@dataclass(slots=True, frozen=True)
class Entry:
    """One key: `state` as it was written, `until` (epoch seconds) ends an overlap."""

    kid: str
    state: State
    created: float
    until: float | None = None

    def state_at(self, now: float) -> State:
        """An overlap ends by itself, without anybody writing it down."""
        over = self.state == "overlap" and (self.until is None or now >= self.until)
        return "retired" if over else self.state


@dataclass(slots=True, frozen=True)
class Ring:
    """Newest first. At most one entry is `signing`; an empty ring has none."""

    entries: tuple[Entry, ...] = ()

    @property
    def signing(self) -> Entry | None:
        return next((one for one in self.entries if one.state == "signing"), None)

    def find(self, kid: str) -> Entry | None:
        return next((one for one in self.entries if one.kid == kid), None)

    def valid(self, now: float) -> tuple[Entry, ...]:
        """Those whose signatures are believed at `now`, the signing one first."""
        return tuple(one for one in self.entries if one.state_at(now) != "retired")

    def turned(self, kid: str, now: float, overlap_s: float, retired_max: int) -> Ring:
        """`kid` signs from now on; who signed before stays valid for `overlap_s`. The oldest retired ones are forgotten."""
        settled = (_settled(one, now, overlap_s) for one in self.entries if one.kid != kid)
        entries: list[Entry] = [Entry(kid, "signing", now)]
        retired = 0
        for one in settled:
            retired += one.state == "retired"
            if one.state != "retired" or retired <= retired_max:
                entries.append(one)
        return Ring(tuple(entries))


def _settled(entry: Entry, now: float, overlap_s: float) -> Entry:
    if entry.state == "signing":
        until = now + overlap_s
        return replace(entry, state="overlap" if overlap_s > 0 else "retired", until=until)
    return replace(entry, state=entry.state_at(now))


def written(ring: Ring) -> bytes:
    """The index as it stands on disk: small JSON, read by people too."""
    keys = [{"kid": one.kid, "state": one.state, "created": one.created, "until": one.until} for one in ring.entries]
    return json.dumps({"version": VERSION, "keys": keys}, indent=2).encode() + b"\n"


def read(data: bytes) -> Ring:
    """Raises ValueError, in words for the operator, for anything that `written` has not written."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise ValueError("is no index of keys")
    if found.get("version") != VERSION:
        raise ValueError(f"has version {found.get('version')!r}, and this guestd reads version {VERSION}")
    ring = Ring(tuple(map(_entry, found["keys"])))
    if sum(one.state == "signing" for one in ring.entries) != bool(ring.entries):
        raise ValueError("must name exactly one signing key")
    if len({one.kid for one in ring.entries}) != len(ring.entries):
        raise ValueError("names a key twice")
    return ring


def _entry(found: Any) -> Entry:
    match found:
        case {"kid": str(kid), "state": "signing" | "overlap" | "retired" as state, "created": created, "until": until}:
            if _is_time(created) and (until is None or _is_time(until)) and (state != "overlap" or until is not None):
                return Entry(kid, state, created, until)
    raise ValueError("has an entry that is no key")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e12
