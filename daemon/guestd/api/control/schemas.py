"""Request and response models of the control API for guest sessions: they validate and document."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from ...model.events import Event, GapEvent, MessageEvent, PresenceEvent
from ...model.guest_names import NAME_CHARS_MAX, NAME_RULE, is_guest_name, normal_name
from ...model.ids import COMMAND_ID_PATTERN

SEQ_MAX = 2**53 - 1


def _matching(pattern: str, words: str) -> AfterValidator:
    """Refused in words, not by the expression."""

    def check(text: str) -> str:
        if re.fullmatch(pattern[1:-1], text) is None:
            raise ValueError(words)
        return text

    return AfterValidator(check)


def _name(text: str) -> str:
    name = normal_name(text)
    if not is_guest_name(name):
        raise ValueError(NAME_RULE)
    return name


Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX}),
]
CommandId = Annotated[
    str,
    _matching(COMMAND_ID_PATTERN, "must be 1 to 128 letters, digits and . _ ~ : @ + -"),
    WithJsonSchema({"type": "string", "pattern": COMMAND_ID_PATTERN}),
]
WhenDownField = Annotated[
    Literal["queue", "reject"] | None,
    Field(
        description=(
            "What is to become of it while a lost connection is not back: wait, or be refused with"
            " not_ready; messages.when_down if left out."
        )
    ),
]


class RequestBody(BaseModel):
    """A request body: no unknown fields, no type conversion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NoFields(RequestBody):
    """Of a request that needs no body: none, or an empty object."""


class QueryParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenSession(RequestBody):
    """A guest session to be opened."""

    name: Name = Field(
        default_factory=str,
        description="Letters and digits of any script and . _ @ + -, not beginning with a dot;"
        " unique among the open ones. Generated if left out, but webchat needs one.",
    )
    email: str = Field(default="", max_length=254, description="webchat needs one.")
    display_name: str = Field(
        default="", max_length=128, description="webchat: what the agent sees; `name` if left out."
    )
    attributes: dict[str, str] = Field(
        default_factory=dict, max_length=100, description="Custom attributes."
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict, max_length=100, description="webchat: sent on connecting."
    )
    duration_s: float = Field(
        default_factory=float,
        ge=1,
        le=2700,
        description="Its life in seconds; sessions.duration_s if left out.",
    )


class OpenQuery(QueryParameters):
    wait: Literal["live"] | None = Field(
        default=None, description="Answer when the session is live, or `wait_s` are over."
    )
    wait_s: float = Field(
        default=10.0, ge=0, le=3600, description="With wait=live: how long; at most api.wait_max_s."
    )


class Reconnect(RequestBody):
    how: Literal["close", "abort"] = Field(
        default="close",
        description="With a closing handshake, or as a network that breaks: without one.",
    )


class Reconnecting(BaseModel):
    """guestd's connection of that session is closed."""

    session_id: str
    how: str
    state: str = Field(description="That of the session now: resting, until its next try.")


class Choice(RequestBody):
    text: str = Field(min_length=1)
    payload: str


class ReplyTo(RequestBody):
    """A choice from what the agent offered (reference: quick reply, card, date, list)."""

    type: str = Field(
        default="QuickReply",
        max_length=32,
        description="Button, DatePicker, Form, ListPicker, QuickReply.",
    )
    choices: list[Choice] = Field(min_length=1, max_length=100)
    in_reply_to: str = Field(
        default="", max_length=256, description="The id of the message answered."
    )


_TEXT: JsonDict = {"required": ["text"], "properties": {"reply": {"type": "null"}}}
_REPLY: JsonDict = {
    "required": ["reply"],
    "not": {"required": ["text"]},
    "properties": {"reply": {"type": "object"}, "attributes": {"maxProperties": 0}},
}


class SendMessage(RequestBody):
    """A message of the guest: either `text` or `reply`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_TEXT, _REPLY]})

    command_id: CommandId = Field(
        default_factory=str, description="Yours, for asking again safely; generated if left out."
    )
    text: str = Field(default_factory=str, min_length=1)
    attributes: dict[str, str] = Field(
        default_factory=dict, max_length=100, description="With a text only."
    )
    reply: ReplyTo | None = None
    when_down: WhenDownField = None

    @model_validator(mode="after")
    def _one_of_both(self) -> SendMessage:
        if bool(self.text) == (self.reply is not None):
            raise ValueError("give either text or reply")
        if self.reply is not None and self.attributes:
            raise ValueError("attributes go with text only")
        return self


class ContextBody(RequestBody):
    """The frontend's state, any JSON object: custom attributes, or the context frame of webchat."""

    model_config = ConfigDict(title="SetContext")

    command_id: CommandId = Field(default_factory=str)
    context: dict[str, Any]


class CommandAccepted(BaseModel):
    """The command is durable and will be carried out; `commands/{command_id}` shows its state."""

    model_config = ConfigDict(title="Accepted")

    session_id: str
    command_id: str
    seq: int


class CommandState(BaseModel):
    """The state of a command. `accepted`: in progress, or of a kind that is never confirmed."""

    session_id: str
    command_id: str
    seq: int
    action: str = Field(description="send, reply, context, attach or end.")
    status: str = Field(description="accepted, sent, confirmed, failed or uncertain.")
    reason: str = Field(default="", description="Why it failed or is uncertain, in words.")
    message_id: str = ""
    code: str = Field(
        default="",
        description=(
            "guestd's own stable word for why: platform_refused, platform_unavailable, unconfirmed,"
            " ended, withdrawn, spool, or that of the rule that a file breaks."
        ),
    )
    platform_status: int | None = Field(
        default=None, description="The HTTP status that the platform answered, if it was one."
    )
    platform_code: str = Field(
        default="", description="The platform's own code: of an error frame, or of a refused call."
    )
    correlation_id: str = Field(
        default="", description="The platform's id of its refusal, for its support."
    )


class CommandQuery(QueryParameters):
    after: int = Field(
        default=0, ge=0, le=SEQ_MAX, description="A seq before the command's, so that less is read."
    )


class EventQuery(QueryParameters):
    after: int = Field(default=0, ge=0, le=SEQ_MAX, description="The last seq you have.")
    limit: int = Field(default=100, ge=1, le=1000)


class EventPage(BaseModel):
    """Events in order. Ask again with `after` = `next`; `more`: there is more already. `first_kept`
    is the oldest seq."""

    events: list[Event]
    next: int
    more: bool
    first_kept: int


class Transcript(BaseModel):
    """The conversation in order: messages, presence, and the gaps that could not be filled. Ask
    again with `after` = `next`."""

    messages: list[MessageEvent | PresenceEvent | GapEvent]
    next: int
    more: bool
    first_kept: int
