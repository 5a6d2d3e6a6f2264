"""What an error says, without what it quotes of a guest's texts: the log and the audit keep why
something failed, and never what was said (AUDIT-1).

A platform quotes a text whole, in quotation marks, or cut short. So three things go: each
text of the request where it stands as a whole, each quoted passage that is part of one, and every
passage of `PASSAGE_MIN` characters and more that one of them has too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

HIDDEN = "…"

#: A shorter passage is a word or two, which any sentence may share with another.
PASSAGE_MIN = 12

#: Of a request: the fields that hold what people say.
_TEXTS = frozenset({"text", "html", "contextData"})
_QUOTED = re.compile(r"""(["'`«“‘])([^"'`»”’]+)(["'`»”’])""")


def without_texts(words: str, request: dict[str, Any]) -> str:
    texts = sorted({one for one in _texts_in(request, False) if one.strip()}, key=len, reverse=True)
    for text in texts:
        words = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", HIDDEN, words)
    plain = [" ".join(one.split()) for one in texts]
    words = _QUOTED.sub(lambda found: _quoted(found, plain), words)
    for text in plain:
        words = _without_passages(words, text)
    return words


def _texts_in(value: Any, is_text: bool) -> Iterator[str]:
    if isinstance(value, str) and is_text:
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts_in(one, is_text or name in _TEXTS)
    elif isinstance(value, list):
        for one in value:
            yield from _texts_in(one, is_text)


def _quoted(found: re.Match[str], texts: list[str]) -> str:
    passage = found[2].strip().rstrip("….")
    is_theirs = bool(passage) and any(passage in text for text in texts)
    return f"{found[1]}{HIDDEN}{found[3]}" if is_theirs else found[0]


def _without_passages(words: str, text: str) -> str:
    """Bounded by the length of the words, which is that of an error."""
    kept, at = [], 0
    while at < len(words):
        end = at + PASSAGE_MIN
        if end <= len(words) and words[at:end] in text:
            while end < len(words) and words[at : end + 1] in text:
                end += 1
            kept.append(HIDDEN)
            at = end
        else:
            kept.append(words[at])
            at += 1
    return "".join(kept)
