"""A frame of the platform's socket as others may see it: what it is, and its text without secrets.

A frame is parsed, every key and every text in it is cleaned, and it is written anew: so neither
escapes nor odd places hide a secret. What is not JSON is cleaned as it stands. Left out are: fields
that are named like a secret, JWTs, the query of every URL (signed links have their signature
there), and the values that are given as secrets, such as the guest session's token. A frame that is
too long to be cleaned within a few milliseconds is not shown at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from .redaction import (
    DEPTH_MAX,
    HIDDEN,
    SECRET_LENGTH_MIN,
    encodings_of,
    is_long_enough,
    is_secret_name,
    redacted,
)

#: Longer frames are not parsed a second time; they are told by their size.
TEXT_BYTES_MAX = 16_384

_NAME_MAX = 64
_ID_MAX = 128

#: Where a long frame says what it is, if it says so at its beginning.
_HEAD_BYTES = 512
_CLASS_IN_HEAD = re.compile(rb'"(?:class|action)"\s*:\s*"([A-Za-z0-9_ .-]{1,64})"')
_TYPE_IN_HEAD = re.compile(rb'"type"\s*:\s*"([A-Za-z0-9_ .-]{1,64})"')

#: Without one of these in it no text has anything to be taken out: most have none.
_SUSPICIOUS = re.compile(r"(?i)[:=]|eyJ|%3a|bearer|basic")

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_=-]*)*")
#: From the slashes on; in JSON that is broken they may stand escaped. It takes a whole address, so
#: that no text can make it look twice at the same place.
_ADDRESS = re.compile(r":\\?/\\?/[^\s\"'<>]*")
_ENCODED_ADDRESS = "%3a%2f%2f"
_ENCODED_QUERY = re.compile(r"(?i)%3F[^\s\"'<>]*")


class FrameText(NamedTuple):
    """`name`: class, action or type of the frame, and what it carries. `marker` is the id that a
    guest's message brings along. `cut`: `text` is not the whole frame."""

    name: str = ""
    code: int | None = None
    tracing_id: str = ""
    marker: str = ""
    text: str = ""
    cut: bool = False


def forms_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """All encodings of these values, the longest first."""
    found = {form for one in secrets if is_long_enough(one) for form in encodings_of(one)}
    return tuple(sorted(found, key=len, reverse=True))


def frame_text(frame: bytes, forms: Sequence[str]) -> FrameText:
    """`forms`: of the secrets, as `forms_of` has them. Never raises."""
    if len(frame) > TEXT_BYTES_MAX:
        head = frame[:_HEAD_BYTES]
        found = _CLASS_IN_HEAD.search(head) or _TYPE_IN_HEAD.search(head)
        name = found[1].decode() if found is not None else ""
        return FrameText(cleaned(name, forms), cut=True)
    try:
        value = orjson.loads(frame)
    except ValueError:
        return FrameText(text=cleaned(frame.decode(errors="replace"), forms))
    text = orjson.dumps(_clean(value, DEPTH_MAX)).decode()
    facts = value if isinstance(value, dict) else {}
    code = facts.get("code")
    return FrameText(
        cleaned(_name_of(facts), forms)[:_NAME_MAX],
        code if type(code) is int and abs(code) < 1 << 53 else None,
        cleaned(_text(facts, "tracingId"), forms)[:_ID_MAX],
        _marker_of(facts)[:_ID_MAX],
        _without(text, forms),
    )


def cleaned(text: str, forms: Sequence[str]) -> str:
    """Any text of the platform's, without secrets."""
    return _without(_plain(text), forms)


def _without(text: str, forms: Sequence[str]) -> str:
    for form in forms:
        text = text.replace(form, HIDDEN)
    return text


def _plain(text: str) -> str:
    if len(text) < SECRET_LENGTH_MIN or _SUSPICIOUS.search(text) is None:
        return text
    if "eyJ" in text:
        text = _JWT.sub(HIDDEN, text)
    if "%" in text and _ENCODED_ADDRESS in text.lower():
        text = _ENCODED_QUERY.sub(f"%3F{HIDDEN}", text)
    if "/" in text:
        text = _ADDRESS.sub(_without_query, text)
    return redacted(text)


def _without_query(address: re.Match[str]) -> str:
    found = re.split("[?#]", address[0], maxsplit=1)
    return found[0] if len(found) == 1 else f"{found[0]}?{HIDDEN}"


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _plain(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return HIDDEN
    if isinstance(value, list):
        return [_clean(one, depth - 1) for one in value]
    return dict(_field(key, one, depth - 1) for key, one in value.items())


def _field(name: str, value: Any, depth: int) -> tuple[str, Any]:
    """A secret's value is hidden; a number or a word like true is none."""
    shown, is_secret = _name(name) if len(name) <= _NAME_MAX else _name.__wrapped__(name)
    is_hidden = is_secret and value and isinstance(value, str | list | dict)
    return shown, HIDDEN if is_hidden else _clean(value, depth)


@lru_cache(maxsize=1024)
def _name(name: str) -> tuple[str, bool]:
    """As it may be shown, and whether it is a secret's. The names of frames repeat."""
    return _plain(name), is_secret_name(name)


def _name_of(facts: dict[str, Any]) -> str:
    name = _text(facts, "class") or _text(facts, "action") or _text(facts, "type")
    body = facts.get("body") if "class" in facts else facts.get("message")
    carries = _carried(body) if isinstance(body, dict) else ""
    return f"{name} {carries}".strip()


def _carried(body: dict[str, Any]) -> str:
    """The word for what a message is: its event, its content, or its type."""
    kind = _text(body, "type")
    for items, of_item in (("events", "eventType"), ("content", "contentType")):
        several = body.get(items)
        first = several[0] if isinstance(several, list) and several else None
        if isinstance(first, dict) and (found := _text(first, of_item)):
            return found
    return kind


def _marker_of(facts: dict[str, Any]) -> str:
    body = facts.get("body") if "class" in facts else facts.get("message")
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return _text(metadata, "id") if isinstance(metadata, dict) else ""


def _text(facts: dict[str, Any], name: str) -> str:
    found = facts.get(name)
    return found if isinstance(found, str) else ""
