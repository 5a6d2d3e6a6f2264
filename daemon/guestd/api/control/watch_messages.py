"""What a client of `/v1/watch` may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ...model import json_values
from ...model.validation_messages import first_error
from ..problems import Problem

TOPICS = ("stats", "changes", "explain", "frames", "events", "emulator", "load")

#: What each topic is asked with, beside its id.
_FIELDS = {
    "stats": frozenset[str](),
    "changes": frozenset({"after"}),
    "explain": frozenset({"session"}),
    "frames": frozenset({"session", "after", "texts"}),
    "events": frozenset({"session", "after"}),
    "emulator": frozenset({"after"}),
    "load": frozenset({"run", "after"}),
}
_OF_SESSION = frozenset({"explain", "frames", "events"})

Id = Annotated[str, Field(min_length=1, max_length=64)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class WatchHello(_Message):
    """The first message. `token` is that of the control API, where there is one."""

    action: Literal["hello"]
    token: str = Field("", max_length=4096)


class Subscribe(_Message):
    """`id` is the client's own name for it. `after`: the place that it has: the cursor of changes,
    else a number."""

    action: Literal["subscribe"]
    id: Id
    topic: Literal["stats", "changes", "explain", "frames", "events", "emulator", "load"]
    session: str = Field("", max_length=64)
    run: str = Field("", max_length=64)
    after: int | str | None = None
    texts: bool = False

    @model_validator(mode="after")
    def _fits_its_topic(self) -> Subscribe:
        given = self.model_fields_set - {"action", "id", "topic"}
        if unknown := sorted(given - _FIELDS[self.topic]):
            raise ValueError(f"{self.topic} takes no {unknown[0]}")
        if self.topic in _OF_SESSION and not self.session:
            raise ValueError(f"{self.topic} needs a session")
        if self.topic == "changes":
            is_place = isinstance(self.after, str | None)
        else:
            is_place = self.after is None or (isinstance(self.after, int) and self.after >= 0)
        if not is_place:
            kind = "the cursor of a batch" if self.topic == "changes" else "a whole number from 0"
            raise ValueError(f"after must be {kind}")
        return self

    @property
    def number(self) -> int | None:
        return self.after if isinstance(self.after, int) else None


class Unsubscribe(_Message):
    action: Literal["unsubscribe"]
    id: Id


WatchMessage = Annotated[WatchHello | Subscribe | Unsubscribe, Field(discriminator="action")]
_READ: TypeAdapter[WatchHello | Subscribe | Unsubscribe] = TypeAdapter(WatchMessage)


def message_of(text: str) -> WatchHello | Subscribe | Unsubscribe:
    """Raises Problem."""
    try:
        found = json_values.loads(text.encode())
    except ValueError:
        raise Problem(400, "bad_json", "a message is a JSON object") from None
    if not isinstance(found, dict) or json_values.exceeds_depth(found):
        raise Problem(400, "bad_json", "a message is a JSON object, not deeply nested")
    if found.get("action") not in ("hello", "subscribe", "unsubscribe"):
        detail = "action is hello, subscribe or unsubscribe"
        raise Problem(422, "unknown_action", detail, field="action")
    try:
        return _READ.validate_python(found)
    except ValidationError as error:
        kinds: dict[str, type[BaseModel]] = {
            "hello": WatchHello,
            "subscribe": Subscribe,
            "unsubscribe": Unsubscribe,
        }
        field, detail = first_error(error, kinds[found["action"]], "")
        field = field.removeprefix(f"{found['action']}.")
        raise Problem(
            422, "invalid", detail, field="" if field == found["action"] else field
        ) from None
