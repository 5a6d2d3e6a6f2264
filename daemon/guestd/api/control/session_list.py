"""A page of guest sessions: filtered, then sorted, then cut, in this order, so that no page lacks
what the filter would show.

A page begins after a place in the order and not after a number of rows: `next` is the last row's
sort key and id. So sessions that come or end between two pages move nothing: each that stays where
it was in the order is on one page, and on one only. One that moves meanwhile, such as by a message
where the order is by activity, may be on two pages or on none; `GET /v1/changes` tells of it."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ...model.guest_names import normal_name
from ...model.overview import SessionLine
from ..problems import Problem
from .attention import ATTENTION_WORDS, attention_of, attention_since_ms
from .session_schemas import SessionQuery, Sort

#: A line's place in an order; the id makes it unique.
Key = tuple[Any, ...]

#: Of the parts of an order's keys, where they are not a number and the id.
_KINDS: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "name": (str, str),
    "attention": (int, int, str),
}

_RANKS = {word: rank for rank, word in enumerate((*ATTENTION_WORDS, ""))}


@dataclass(slots=True)
class Selection:
    """One page's lines, `next` as in `SessionPage`, and the counts of all pages."""

    lines: Sequence[SessionLine]
    next: str | None
    total: int
    counts: dict[str, int]


def select(lines: Iterable[SessionLine], query: SessionQuery, sort: Sort, now_ms: int) -> Selection:
    """Raises Problem if `after` is no cursor of this order."""
    matching = _filter_of(query, now_ms)
    counts: dict[str, int] = {}
    kept: list[SessionLine] = []
    for line in lines:
        if matching is not None and not matching(line):
            continue
        counts[line.state] = counts.get(line.state, 0) + 1
        if not query.state or line.state in query.state:
            kept.append(line)
    key = _key_of(sort, now_ms)
    kept.sort(key=key)
    start = bisect_right(kept, _place_of(query.after, sort), key=key) if query.after else 0
    page = kept[start : start + query.limit]
    has_more = start + len(page) < len(kept)
    return Selection(page, _cursor_of(sort, key(page[-1])) if has_more else None, len(kept), counts)


# ---------------------------------------------------------------------- filter


def _filter_of(query: SessionQuery, now_ms: int) -> Callable[[SessionLine], bool] | None:
    """All but the states; None: nothing is asked."""
    words, ids = query.q.casefold().split(), frozenset(query.ids)
    name, reasons = normal_name(query.name), query.attention
    if not (words or name or ids or reasons):
        return None

    def matches(line: SessionLine) -> bool:
        if (name and line.name != name) or (ids and line.session_id not in ids):
            return False
        if reasons and attention_of(line, now_ms) not in reasons:
            return False
        if not words:
            return True
        text = _searched(line)
        return all(word in text for word in words)

    return matches


def _searched(line: SessionLine) -> str:
    parts = [line.name, line.session_id]
    parts += [f"{key}:{value}" for key, value in line.attributes.items()]
    return "\n".join(parts).casefold()


# ---------------------------------------------------------------------- order


def _key_of(sort: Sort, now_ms: int) -> Callable[[SessionLine], Key]:
    match sort:
        case "activity":
            return lambda line: (-line.last_activity_ms, line.session_id)
        case "opened":
            return lambda line: (-line.opened_ms, line.session_id)
        case "name":
            return lambda line: (line.name, line.session_id)
        case "attention":
            return lambda line: _urgency_of(line, now_ms)
        case _:
            return lambda line: (line.session_id,)


def _urgency_of(line: SessionLine, now_ms: int) -> Key:
    word = attention_of(line, now_ms)
    place = attention_since_ms(line, word) if word else -line.last_activity_ms
    return (_RANKS[word], place, line.session_id)


def _cursor_of(sort: Sort, key: Key) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, *key])).decode().rstrip("=")


def _place_of(cursor: str, sort: Sort) -> Key:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, list) or found[:1] != [sort] or not _is_key(found[1:], sort):
        raise Problem(
            422,
            "invalid",
            f"query.after: must be the `next` of a page with sort={sort}; begin without `after`",
            field="query.after",
        )
    return tuple(found[1:])


def _is_key(found: list[Any], sort: Sort) -> bool:
    kinds = _KINDS.get(sort, (int, str))
    return tuple(map(type, found)) == kinds
