"""The requests of the workflows, one model for each (INJ-1, ASSIST-1, ASSIST-4, SESS-2 … 4,
SESS-7).

Keys are those of the contracts (`triggerConditions`). Nothing is truncated, converted or ignored: a
wrong value is refused with its path, what is wrong and what to write instead. The control API
builds its OpenAPI document from these models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from ..model.errors import CommandError
from ..model.ids import fingerprint
from ..model.text_length import UTF16_UNITS, utf16_units
from ..model.validation_messages import field_errors, first_of

#: INJ-1: the platform's limit, counted in UTF-16 units as in the documents: an emoji is two.
TEXT_MAX = 4096
#: The latest timestamp of a message: a day before the last that can be written, so that others fit
#: after it.
TIME_MS_MAX = 253_402_214_400_000
CAPABILITIES_REQUIRED = ("typing-indicator", "read-receipts")


def _web_address(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.split("/")[0]:
        raise ValueError("must be a web address, such as https://host/path")
    return value


def _not_too_long(value: str) -> str:
    if (length := utf16_units(value)) > TEXT_MAX:
        raise ValueError(
            f"{length} {UTF16_UNITS}; at most {TEXT_MAX} are allowed, and nothing is cut: make it"
            " shorter"
        )
    return value


def _json_scalar(value: object) -> object:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise ValueError("must be a string, a number, true, false or null")
    return value


Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"maxLength": TEXT_MAX}),
    AfterValidator(_not_too_long),
]
#: SESS-3 only requires a string; one of less than six characters is accepted, but not treated as a
#: secret (see `observe/redaction.py`).
Secret = Annotated[str, Field(min_length=1, max_length=8192)]
WebhookUrl = Annotated[str, Field(max_length=2048), AfterValidator(_web_address)]


class WorkflowRequest(BaseModel):
    """`secrets` names the fields that are stored apart from the request and shown as fingerprints
    only (AUDIT-2)."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )
    secrets: ClassVar[tuple[str, ...]] = ()

    def redacted(self) -> dict[str, Any]:
        """The request as JSON without its secrets: the same for the same request."""
        found = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        if attributes := getattr(self, "custom_attributes", None):
            found["customAttributes"] = dict(attributes)  # null is a value there
        for name in self.secrets:
            if to_camel(name) in found:
                found[to_camel(name)] = fingerprint(found[to_camel(name)])
        return found


# ------------------------------------------------------------------ injection (INJ-1)


def milliseconds_of(instant: datetime) -> int:
    """Epoch milliseconds, rounded down: the resolution in which timestamps are sent."""
    return (instant - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


class InjectedMessage(WorkflowRequest):
    """One message with `text` or `html`, according to its `type`. Without `timestamp` it gets a
    time between its neighbours'."""

    type: Literal["text", "html"]
    from_: Literal["agent", "customer", "bot", "system"] = Field(alias="from")
    text: Text | None = None
    html: Text | None = None
    timestamp: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_what_its_type_says(self) -> Self:
        other = "html" if self.type == "text" else "text"
        if getattr(self, self.type) is None:
            raise ValueError(
                f"has the type {self.type}, but {self.type} is missing; add {self.type}"
            )
        if getattr(self, other) is not None:
            raise ValueError(f"has the type {self.type}, but also {other}; leave {other} out")
        return self


class InjectionRequest(WorkflowRequest):
    """Messages for a running interaction. Timestamps must increase by at least 1 ms, and
    leave 1 ms for each message between them that has none."""

    interaction_id: Id
    messages: Annotated[tuple[InjectedMessage, ...], Field(min_length=1, max_length=1000)]
    webhook_url: WebhookUrl | None = None

    @model_validator(mode="after")
    def _in_order_of_time(self) -> Self:
        for index, message in enumerate(self.messages):
            if (
                message.timestamp is not None
                and not 0 < milliseconds_of(message.timestamp) < TIME_MS_MAX
            ):
                raise ValueError(
                    f"messages[{index}].timestamp: must be between 1970 and 9999; write a time of"
                    " today"
                )
        given = [
            (index, one.timestamp)
            for index, one in enumerate(self.messages)
            if one.timestamp is not None
        ]
        for (before, earlier), (index, later) in pairwise(given):
            gap_ms = milliseconds_of(later) - milliseconds_of(earlier)
            if gap_ms <= 0:
                raise ValueError(
                    f"messages[{index}].timestamp: must be later than the one before; let"
                    " timestamps strictly increase, by 1 ms at least, or leave them out"
                )
            if gap_ms < index - before:
                raise ValueError(
                    f"messages[{index}].timestamp: leaves {gap_ms} ms for the"
                    f" {index - before - 1} messages before it that have none; leave 1 ms for each"
                )
        return self


# ------------------------------------------------------------------ agent assist (ASSIST-1,
# ASSIST-4)


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError("must be a UUID; write 8-4-4-4-12 hexadecimal digits")
    return value


def _without_empty_fraction(value: float) -> int | float:
    return int(value) if value.is_integer() else value


#: Kept as given: an id must match the platform's letter by letter.
Uuid = Annotated[str, AfterValidator(_uuid), Field(json_schema_extra={"format": "uuid"})]
#: Fractions of a millisecond are accepted.
Milliseconds = Annotated[float, PlainSerializer(_without_empty_fraction)]


class TriggerCondition(WorkflowRequest):
    type: Literal["keyword", "sentiment", "duration", "confidence"]
    value: str | int | float
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None


class DisplaySettings(WorkflowRequest):
    delay_ms: Annotated[Milliseconds, Field(ge=500, le=5000)]
    max_concurrent_prompts: Annotated[int, Field(ge=1, le=3)]
    auto_dismiss_ms: Annotated[Milliseconds, Field(ge=10_000, le=60_000)]


class PromptRequest(WorkflowRequest):
    """A prompt for the agent's screen."""

    conversation_id: Uuid
    prompt_id: Uuid
    trigger_conditions: Annotated[tuple[TriggerCondition, ...], Field(max_length=5)] = ()
    display_settings: DisplaySettings
    webhook_url: WebhookUrl | None = None
    context_data: dict[str, Any] | None = None


def _interval(value: str) -> str:
    begin, _, end = value.partition("/")
    try:
        first, last = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    except ValueError:
        raise ValueError(
            "must be an interval; write two ISO 8601 instants with a slash between them"
        ) from None
    if first.tzinfo is None or last.tzinfo is None:
        raise ValueError("must name a time zone; end both instants with Z or an offset")
    if first >= last:
        raise ValueError("ends before it begins; write the earlier instant first")
    return value


class AdoptionRequest(WorkflowRequest):
    """How prompts were adopted in an interval:
    `2026-01-01T00:00:00Z/2026-02-01T00:00:00Z`."""

    interval: Annotated[str, Field(max_length=100), AfterValidator(_interval)]
    page_size: Annotated[int, Field(ge=1, le=100)] = 100


# ------------------------------------------------------------------ guests (SESS-2 … 4, SESS-7)


JsonScalar = Annotated[
    Any,
    AfterValidator(_json_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]


class GuestCreationRequest(WorkflowRequest):
    """A contact and a conversation for a guest. Without `guestToken` one is signed, where
    keys are configured."""

    secrets = ("guest_token",)

    guest_id: Id
    queue_id: Id
    guest_token: Secret | None = Field(default=None, repr=False)
    custom_attributes: dict[str, JsonScalar] = Field(default_factory=dict)
    skill_requirements: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    webhook_url: WebhookUrl | None = None


def _has_required(value: tuple[str, ...]) -> tuple[str, ...]:
    missing = [one for one in CAPABILITIES_REQUIRED if one not in value]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be in the list")
    return value


class MessagingRequest(WorkflowRequest):
    """A messaging session over REST. `guestId` names the guest wherever its token must
    not appear."""

    secrets = ("guest_token",)

    guest_token: Secret = Field(repr=False)
    queue_id: Id
    guest_id: Id | None = None
    name: Name = "Guest"
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en-US"
    capabilities: Annotated[
        tuple[Name, ...], Field(max_length=20), AfterValidator(_has_required)
    ] = CAPABILITIES_REQUIRED
    user_agent: Name = "guestd"
    duration_s: Annotated[int, Field(ge=1)] | None = Field(default=None, alias="durationS")
    webhook_url: WebhookUrl | None = None


def validated(
    model: type[WorkflowRequest], request: Mapping[str, Any], bytes_max: int
) -> WorkflowRequest:
    """Raises CommandError: `invalid` with the field, or `too_large`."""
    try:
        text = orjson.dumps(request)
    except (TypeError, ValueError, RecursionError):
        raise CommandError(
            "the request cannot be written as JSON; use plain values and valid Unicode"
        ) from None
    if len(text) > bytes_max:
        raise CommandError(
            f"the request is {len(text)} bytes long; at most {bytes_max} are allowed",
            code="too_large",
        )
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        found = field_errors(error, model)
        field, complaint = first_of(found)
        raise CommandError(complaint, field=field, errors=found) from None
