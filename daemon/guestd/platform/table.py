"""Every named call of the platform's REST side: verb, path, scopes, and what may be repeated.

The paths are those of the design documents; orgs and API versions differ, so configuration may put
another path in place of any of them (`[platform.paths]`). Placeholders stay: the same names must
stand in the new path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from ..model.errors import ConfigError, PayloadRefused
from ..model.file_names import control_character_in
from ..model.ports import COMMAND, Urgency

PARAMETER_LENGTH_MAX = 512

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$'()*+,;=:@%/-]|\{\w+\})*")


@dataclass(slots=True, frozen=True)
class NamedCall:
    """`scopes`: any one of them is enough. `reads`: it changes nothing. `repeatable`: doing it
    twice is doing it once; others may be repeated only with an Idempotency-Key. `harmless`: why
    that is so, of one whose verb does not say it. `retry_500`: HTTP-1's "guest creation retries
    5xx". `lists`: it may answer with a bare list. `by_guest`: it is about a guest whose token an
    earlier call carried. `urgency`: how soon it wants its turn, where the asker does not say."""

    name: str
    verb: str
    path: str
    scopes: tuple[str, ...]
    reads: bool = False
    repeatable: bool = False
    harmless: str = ""
    retry_500: bool = False
    lists: bool = False
    by_guest: bool = False
    urgency: Urgency = COMMAND

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(_PLACEHOLDER.findall(self.path))

    def fill(self, parameters: Mapping[str, str]) -> str:
        """The path, its parameters quoted. Raises PayloadRefused for a value that can be no part of
        a path."""
        if set(parameters) != self.placeholders:
            raise ValueError(
                f"{self.name} takes {sorted(self.placeholders)}, not {sorted(parameters)}"
            )
        for key, value in parameters.items():
            if (
                value in ("", ".", "..")
                or len(value) > PARAMETER_LENGTH_MAX
                or control_character_in(value)
            ):
                raise PayloadRefused(
                    f"{key} cannot be part of a path",
                    cause="path",
                    operation=self.name,
                    remedy=(
                        f"give 1 to {PARAMETER_LENGTH_MAX} characters without control characters,"
                        " such as an id"
                    ),
                )
        return _PLACEHOLDER.sub(lambda found: quote(parameters[found.group(1)], safe=""), self.path)


def _reading(name: str, path: str, *scopes: str, verb: str = "GET") -> NamedCall:
    return NamedCall(name, verb, path, scopes, reads=True, repeatable=True)


_CALLS = (
    _reading(
        "queue.get",
        "/api/v2/routing/queues/{queueId}",
        "routing:readonly",
        "conversations:messaging",
    ),
    NamedCall(
        "contact.create",
        "POST",
        "/api/v2/externalcontacts/contacts",
        ("externalcontacts:create",),
        retry_500=True,
    ),
    replace(
        _reading(
            "contact.find",
            "/api/v2/externalcontacts/contacts",
            "external-contacts:readonly",
            "externalcontacts:create",
        ),
        by_guest=True,
    ),
    NamedCall(
        "conversation.create",
        "POST",
        "/api/v2/conversations/messaging",
        ("conversations:messaging", "conversation:write", "webchat:write"),
        retry_500=True,
    ),
    replace(
        _reading(
            "conversation.get",
            "/api/v2/conversations/messaging/{conversationId}",
            "conversation:view",
            "conversations:messaging",
        ),
        by_guest=True,
    ),
    NamedCall(
        "conversation.patch",
        "PATCH",
        "/api/v2/conversations/messaging/{conversationId}",
        ("conversation:write", "conversations:messaging", "webchat:write"),
        repeatable=True,
        harmless="what it sets is absolute: a time, a sequence number, `disconnected`",
        by_guest=True,
    ),
    _reading(
        "interaction.get", "/api/v2/interactions/chat/{interactionId}", "interaction:chat:write"
    ),
    NamedCall(
        "interaction.inject",
        "POST",
        "/api/v2/interactions/chat/inject",
        ("interaction:chat:write",),
        lists=True,
    ),
    NamedCall(
        "prompt.inject",
        "POST",
        "/api/v2/agent-assist/prompt-injections",
        ("agent-assist:prompt:write",),
    ),
    _reading(
        "prompt.get",
        "/api/v2/agent-assist/prompt-injections/{injectionId}",
        "agent-assist:prompt:write",
    ),
    replace(
        _reading(
            "analytics.events",
            "/api/v2/analytics/events/query",
            "analytics:events:read",
            verb="POST",
        ),
        harmless="it is a search, and changes nothing",
        urgency=Urgency("housekeeping", 10.0),  # pages of a report: no user waits for them
    ),
    NamedCall(
        "attachment.presign",
        "POST",
        "/api/v2/webchat/attachments/generate-presigned-url",
        ("webchat:attachment:write", "conversation:webchat:write", "webchat:write"),
        repeatable=True,
        harmless="a place that is not used expires",
    ),
)

CALLS: Mapping[str, NamedCall] = {one.name: one for one in _CALLS}


def table_with(overrides: Mapping[str, str]) -> Mapping[str, NamedCall]:
    """The table with an org's own paths. Raises ConfigError, which names the key and what to
    write."""
    return {**CALLS, **{name: _with_path(name, path) for name, path in overrides.items()}}


def _with_path(name: str, path: str) -> NamedCall:
    key = f'platform.paths."{name}"'
    call = CALLS.get(name)
    if call is None:
        close = difflib.get_close_matches(name, CALLS, n=1)
        raise ConfigError(
            key,
            "there is no such call",
            f"did you mean {close[0]}?" if close else f"known are {', '.join(CALLS)}",
        )
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ConfigError(
            key,
            "is not a path",
            "begin with /, quote what is unusual, and leave out the host and everything from a"
            " ? on",
        )
    found = replace(call, path=path)
    if found.placeholders != call.placeholders:
        wanted = ", ".join(f"{{{one}}}" for one in sorted(call.placeholders)) or "none"
        raise ConfigError(key, "has other placeholders than this call", f"it takes {wanted}")
    return found
