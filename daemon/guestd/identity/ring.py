"""The ring as a value: which key signs, which are still believed, which are gone. No file is
touched here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

State = Literal["signing", "published", "overlap", "retired"]

VERSION = 1


@dataclass(slots=True, frozen=True)
class KeyEntry:
    """One key: `state` as it was written. Times are epoch seconds: `until` ends an overlap,
    `signs_from` is when a published key will sign, or when a signing one began to. `thumbprint` is
    the key's own name; "": its kid is that."""

    kid: str
    state: State
    created: float
    until: float | None = None
    signs_from: float | None = None
    thumbprint: str = ""

    @property
    def file_stem(self) -> str:
        return self.thumbprint or self.kid

    @property
    def signs_since(self) -> float:
        return self.created if self.signs_from is None else self.signs_from

    def state_at(self, now: float) -> State:
        """An overlap ends by itself, without a write."""
        over = self.state == "overlap" and (self.until is None or now >= self.until)
        return "retired" if over else self.state


@dataclass(slots=True, frozen=True)
class Ring:
    """The signing one first, then the one that is published and will sign, then newest first. At
    most one of each; an empty ring has none."""

    entries: tuple[KeyEntry, ...] = ()

    @property
    def signing(self) -> KeyEntry | None:
        return next((one for one in self.entries if one.state == "signing"), None)

    @property
    def published(self) -> KeyEntry | None:
        return next((one for one in self.entries if one.state == "published"), None)

    def find(self, kid: str) -> KeyEntry | None:
        return next((one for one in self.entries if one.kid == kid), None)

    def valid(self, now: float) -> tuple[KeyEntry, ...]:
        """Those whose signatures are believed at `now`, the signing one first."""
        return tuple(one for one in self.entries if one.state_at(now) != "retired")

    def turned(
        self, kid: str, now: float, overlap_s: float, retired_max: int, thumbprint: str = ""
    ) -> Ring:
        """`kid` signs from now on; who signed before stays valid for `overlap_s`. The oldest
        retired ones are forgotten."""
        return self._with_signing(
            KeyEntry(kid, "signing", now, thumbprint=thumbprint), now, overlap_s, retired_max
        )

    def with_published(self, kid: str, now: float, signs_from: float, thumbprint: str = "") -> Ring:
        """`kid` is believed and shown from now on, and will sign. One that was published before is
        retired: it never signed."""
        entry = KeyEntry(kid, "published", now, signs_from=signs_from, thumbprint=thumbprint)
        others = [one for one in self.entries if one.state != "published" and one.kid != kid]
        return Ring((*others[:1], entry, *others[1:]))

    def promoted(self, now: float, overlap_s: float, retired_max: int) -> Ring:
        """The published one signs from now on."""
        entry = self.published
        assert entry is not None
        return self._with_signing(
            replace(entry, state="signing", signs_from=now), now, overlap_s, retired_max
        )

    def _with_signing(
        self, entry: KeyEntry, now: float, overlap_s: float, retired_max: int
    ) -> Ring:
        is_same = {entry.kid, entry.file_stem}
        settled = (
            _settled(one, now, overlap_s)
            for one in self.entries
            if not is_same & {one.kid, one.file_stem}
        )
        entries: list[KeyEntry] = [entry]
        retired = 0
        for one in settled:
            retired += one.state == "retired"
            if one.state != "retired" or retired <= retired_max:
                entries.append(one)
        return Ring(tuple(entries))


def _settled(entry: KeyEntry, now: float, overlap_s: float) -> KeyEntry:
    if entry.state == "signing":
        until = now + overlap_s
        return replace(entry, state="overlap" if overlap_s > 0 else "retired", until=until)
    return replace(entry, state=entry.state_at(now))


def written(ring: Ring) -> bytes:
    """The index as it stands on disk: small JSON, read by people too."""
    keys = [
        {
            "kid": one.kid,
            "state": one.state,
            "created": one.created,
            "until": one.until,
            **({"signs_from": one.signs_from} if one.signs_from is not None else {}),
            **({"thumbprint": one.thumbprint} if one.thumbprint else {}),
        }
        for one in ring.entries
    ]
    return json.dumps({"version": VERSION, "keys": keys}, indent=2).encode() + b"\n"


def read(data: bytes) -> Ring:
    """Raises ValueError, in words for the operator, for anything that `written` has not written."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise ValueError("is not an index of keys")
    if found.get("version") != VERSION:
        raise ValueError(
            f"has version {found.get('version')!r}, and this guestd reads version {VERSION}"
        )
    ring = Ring(tuple(map(_entry, found["keys"])))
    if sum(one.state == "signing" for one in ring.entries) != bool(ring.entries):
        raise ValueError("must name exactly one signing key")
    if sum(one.state == "published" for one in ring.entries) > 1:
        raise ValueError("must name one published key at most")
    if len({one.kid for one in ring.entries}) != len(ring.entries):
        raise ValueError("names a key twice")
    return ring


def _entry(found: Any) -> KeyEntry:
    match found:
        case {
            "kid": str(kid),
            "state": "signing" | "published" | "overlap" | "retired" as state,
            "created": created,
            "until": until,
        }:
            signs_from, thumbprint = found.get("signs_from"), found.get("thumbprint", "")
            needed = {"overlap": until, "published": signs_from}.get(state, created)
            times = [one for one in (until, signs_from) if one is not None]
            if (
                needed is not None
                and all(map(_is_time, (created, *times)))
                and isinstance(thumbprint, str)
            ):
                return KeyEntry(kid, state, created, until, signs_from, thumbprint)
    raise ValueError("has an entry that is not a key")


def _is_time(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value == value
        and abs(value) < 1e12
    )
