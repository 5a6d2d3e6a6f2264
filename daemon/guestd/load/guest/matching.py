"""Whether a message is the reply that a step expects."""

from __future__ import annotations

import re
from typing import Any

from ..scenario.steps import CONTENT_TYPES, ExpectReply
from .heard import MessageHeard
from .templates import Lookup, Template


class ReplyMatcher:
    """An `ExpectReply`, made ready once for all guests. A name in `matching` stands for exactly its
    value, whatever that means in a regular expression."""

    __slots__ = (
        "_captures",
        "_containing",
        "_content_type",
        "_matching",
        "_pattern",
        "_sender",
        "_structure",
    )

    def __init__(self, step: ExpectReply) -> None:
        self._containing = Template(step.containing)
        self._matching = Template(step.matching)
        self._pattern = re.compile(self._matching.filled(lambda name: "x"))
        self._structure = step.structure
        self._content_type = CONTENT_TYPES.get(step.structure, step.structure)
        self._sender = step.sender
        self._captures = tuple(
            (name, re.compile(pattern)) for name, pattern in step.capture.items()
        )

    def captured(self, message: MessageHeard, lookup: Lookup) -> dict[str, str] | None:
        """What is kept of the reply; None if it is not the one. A pattern of `capture` that is not
        found makes it another reply; one without a group keeps all that it matches."""
        if not self._is_reply(message, lookup):
            return None
        kept: dict[str, str] = {}
        for name, pattern in self._captures:
            found = pattern.search(message.text)
            if found is None:
                return None
            kept[name] = (found[1] if pattern.groups else found[0]) or ""
        return kept

    def _is_reply(self, message: MessageHeard, lookup: Lookup) -> bool:
        if self._sender and (self._sender == "bot") is not message.bot:
            return False
        if self._content_type and not _has(message.content, self._content_type):
            return False
        if self._containing.source:
            wanted = self._containing.filled(lookup)
            if wanted.casefold() not in message.text.casefold():
                return False
        return not self._matching.source or self._matches(message.text, lookup)

    def _matches(self, text: str, lookup: Lookup) -> bool:
        pattern = self._pattern
        if self._matching.names:
            try:
                pattern = re.compile(self._matching.filled(lookup, re.escape))
            except re.error:  # a value where only some characters are allowed, as in [a-${last}]
                return False
        return pattern.search(text) is not None

    def expected(self, lookup: Lookup) -> str:
        """In words, for a failure."""
        parts = ["a reply"]
        if self._containing.source:
            parts.append(f'containing "{self._containing.filled(lookup)}"')
        if self._matching.source:
            parts.append(f"matching /{self._matching.filled(lookup, re.escape)}/")
        if self._content_type:
            parts.append(f"with {self._structure}")
        if self._sender:
            parts.append(f"from a {self._sender}")
        parts += [f"with {name} in /{pattern.pattern}/" for name, pattern in self._captures]
        return " ".join(parts)


def _has(content: list[Any], content_type: str) -> bool:
    return any(
        isinstance(item, dict) and item.get("contentType") == content_type for item in content
    )
