"""How far figures that others send are believed: each bound with its reason, all in one place.

`docs/limits.md` says who sends each figure and what happens beyond its bound; a test compares the
two. Bounds that an operator may want to change are in the configuration instead. Whatever is not a
number of the right kind counts as not said."""

from __future__ import annotations

import re

#: An error repeats a Retry-After up to here. Who waits has a shorter bound of its own; this one is
#: for people and programs.
RETRY_AFTER_TOLD_MAX_S = 3600.0

#: A bearer token is renewed at least daily, whatever life its server promises: a wrong figure must
#: not outlive a key change.
TOKEN_LIFE_MAX_S = 86_400.0

#: Longer typing than a minute without another event is not believed; a browser would show the dots
#: until the guest leaves.
TYPING_MS_MAX = 60_000

#: A platform's guest session lives at most three days; a larger figure is a mistake and is not
#: reported to anyone.
SESSION_LIFE_MAX_S = 7 * 86_400.0

#: 9999-12-31T23:59:59Z: the last instant that every date type can hold.
EPOCH_MAX_S = 253_402_300_799.0

#: Custom attributes: the platform's own limit is 2 KiB; a frame of ours is never larger than this.
CUSTOM_DATA_BYTES_MAX = 262_144

#: 1 TiB in KB; no file of a guest is larger, and the product with 1024 stays far from any integer's
#: end.
FILE_KB_MAX = 1_073_741_824

#: Allowed types and blocked extensions: no real profile has more; each is compared with every file
#: a guest sends.
FILE_RULES_MAX = 256
FILE_RULE_CHARS_MAX = 128

#: A JWT travels in a request header, and servers take 16 KiB of those at most.
JWT_CHARS_MAX = 16_384

#: We ask for pages of 100 messages; one of more than ten times that is not what was asked for, and
#: costs a turn of the loop.
HISTORY_ENTITIES_MAX = 1000

#: 5,000 messages, more than a guest session of 45 minutes holds; a `pageCount` alone must not keep
#: us reading for ever.
HISTORY_PAGES_MAX = 50

#: An upload's signed URL and the headers that go along: storages refuse more than 8 to 16 KiB
#: themselves.
UPLOAD_URL_CHARS_MAX = 16_384
UPLOAD_HEADERS_MAX = 64
UPLOAD_HEADERS_CHARS_MAX = 16_384

#: Ids of the platform are UUIDs; a longer one than this is not an id, and would have to fit into a
#: path.
ID_CHARS_MAX = 256

#: One event's count in an analytics page; sums of 10,000 pages stay within 64 bits.
EVENT_COUNT_MAX = 1_000_000_000

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def within(value: float | None, most: float) -> float | None:
    """A figure above 0, up to `most`; None for anything else, as if it had not been said."""
    return value if value is not None and 0 < value <= most else None


def is_jwt(text: str) -> bool:
    """Whether it can stand in a header: visible ASCII, and not too long."""
    return len(text) <= JWT_CHARS_MAX and _VISIBLE.fullmatch(text) is not None


def file_rules(texts: list[str]) -> tuple[str, ...]:
    """Types or extensions, as many and as long as any real profile has."""
    return tuple(one for one in texts if one and len(one) <= FILE_RULE_CHARS_MAX)[:FILE_RULES_MAX]
