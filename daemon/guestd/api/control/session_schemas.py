"""How guest sessions are listed and shown: the models of `GET /v1/sessions` and of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from ...model.ids import COMMAND_ID_PATTERN
from ...model.overview import LAST_TEXT_MAX
from ...model.ports import SessionView
from ...model.times import iso_of_ms
from .attention import ATTENTION_WORDS, attention_of
from .comma_lists import CommaList
from .schemas import QueryParameters

STATES = ("waiting", "dialing", "joining", "live", "resting", "leaving", "ended")

#: Sessions asked for by id at once: more than a screen has rows.
IDS_MAX = 100

Sort = Literal["", "id", "activity", "name", "opened", "attention"]


class LastMessageSummary(BaseModel):
    """The newest message of the conversation, either way."""

    text: str = Field(description=f"Cut to {LAST_TEXT_MAX} characters.")
    direction: str = Field(description="Inbound: the guest's own; Outbound.")
    type: str


class Session(BaseModel):
    """A guest session. `seq` is that of its newest event."""

    session_id: str
    name: str
    state: str = Field(description="waiting, dialing, joining, live, resting, leaving or ended.")
    seq: int
    read_only: bool
    file_bytes_max: int = Field(
        description="The largest file that it takes now, in bytes: what the platform allows, or"
        " attachments.file_bytes_max if that is less; 0: none."
    )
    opened_at: str | None = Field(None, description="When it was opened (ISO 8601).")
    ends_at: str | None = Field(None, description="When its agreed time is over.")
    last_message_at: str | None = Field(
        None, description="Its last message, either way, since the daemon started."
    )
    ended_at: str | None = Field(None, description="Of one that is over.")
    state_since: str | None = Field(None, description="Since when it is in its state.")
    expires_at: str | None = Field(
        None, description="When it ends at the latest: `ends_at`, or what the platform said."
    )
    last_activity_at: str | None = Field(
        None, description="Its newest event of any kind; of one without any, when it was opened."
    )
    last_message: LastMessageSummary | None = Field(
        None, description="Since the daemon started; with `ids` it is looked up."
    )
    attributes: dict[str, str] = Field({}, description="Custom attributes it was opened with.")
    waiting: int = Field(0, description="Messages of the guest's that are not settled yet.")
    waiting_since: str | None = Field(None, description="When the oldest of them was accepted.")
    uncertain: int = Field(
        0, description="Messages whose fate cannot be found out, since the daemon started."
    )
    attempt: int = Field(0, description="Connects that failed since it was live.")
    next_try_at: str | None = Field(
        None, description="When a resting one asks for a connection again."
    )
    unanswered_since: str | None = Field(
        None, description="Since when a heartbeat of its connection waits for its answer."
    )
    reason: str = Field("", description="By which cause the connection was lost that is not back.")
    attention: str = Field(
        "", description=f"Why it needs attention: {', '.join(ATTENTION_WORDS)}; or empty."
    )

    @classmethod
    def of(cls, view: SessionView, now_ms: int) -> Session:
        return cls.model_validate(shown(view, now_ms))


class ListedSession(Session):
    """A guest session in a list. With `fields`, those and `session_id` are there and no others."""

    name: str = ""
    state: str = Field("", description="waiting, dialing, joining, live, resting, leaving, ended.")
    seq: int = 0
    read_only: bool = False
    file_bytes_max: int = Field(0, description="As of one that is shown alone.")


class SessionPage(BaseModel):
    """Guest sessions in the order asked for. `next` is the `after` of the next page; null on the
    last page. `total` counts all pages, `counts` by state those that match all but `state`."""

    sessions: list[ListedSession]
    next: str | None
    total: int
    counts: dict[str, int]
    at: int = Field(description="The daemon's time of this answer, in milliseconds since 1970.")


FIELDS = tuple(Session.model_fields)


class SessionQuery(QueryParameters):
    limit: int = Field(default=100, ge=1, le=1000)
    after: str = Field(default="", max_length=512, description="The `next` of the page before.")
    q: str = Field(
        default="",
        max_length=200,
        description="Only those whose name, id or attributes (`key:value`) contain each of these"
        " words.",
    )
    state: Annotated[tuple[str, ...], *CommaList.of_words(STATES)] = Field(
        default=(), description="Only those in these states; `ended` includes those that are over."
    )
    name: str = Field(default="", max_length=64, description="Only that of this name.")
    ids: Annotated[tuple[str, ...], *CommaList.matching(COMMAND_ID_PATTERN, IDS_MAX)] = Field(
        default=(), description="Only these, by id; unknown ones are left out."
    )
    ended: Literal["false", "true", "include", "only"] = Field(
        default="false",
        description="Those that are over and still kept, the last thousand: `include` them, or"
        " `only` them, ended last first; `true` is the same as `only`.",
    )
    attention: Annotated[tuple[str, ...], *CommaList.of_words(ATTENTION_WORDS)] = Field(
        default=(), description="Only those that need attention for one of these reasons."
    )
    sort: Sort = Field(
        default="",
        description="By id unless said: by last `activity` or by when it was `opened`, newest"
        " first; by `name`; those that need `attention` first, the longest first, then the others"
        " by activity.",
    )
    fields: Annotated[tuple[str, ...], *CommaList.of_words(FIELDS)] = Field(
        default=(), description="Only these fields, and `session_id`."
    )


class _Moment(NamedTuple):
    view: SessionView
    now_ms: int


_READ: dict[str, Callable[[_Moment], Any]] = {
    "opened_at": lambda one: _time_of(one.view.opened_ms),
    "ends_at": lambda one: _time_of(one.view.ends_ms),
    "last_message_at": lambda one: _time_of(one.view.last_message_ms),
    "ended_at": lambda one: _time_of(one.view.ended_ms),
    "waiting_since": lambda one: _time_of(one.view.waiting_since_ms),
    "unanswered_since": lambda one: _time_of(one.view.unanswered_since_ms),
    "state_since": lambda one: _time_of(one.view.state_since_ms),
    "expires_at": lambda one: _time_of(one.view.expires_ms),
    "last_activity_at": lambda one: _time_of(one.view.last_activity_ms),
    "next_try_at": lambda one: _time_of(one.view.next_try_ms),
    "attributes": lambda one: dict(one.view.attributes),
    "last_message": lambda one: one.view.last_message and one.view.last_message._asdict(),
    "attention": lambda one: attention_of(one.view, one.now_ms),
}


def shown(view: SessionView, now_ms: int, fields: Iterable[str] = FIELDS) -> dict[str, Any]:
    """These fields of a guest session, as JSON has them."""
    moment = _Moment(view, now_ms)
    return {name: _READ[name](moment) if name in _READ else getattr(view, name) for name in fields}


def _time_of(epoch_ms: int) -> str | None:
    return iso_of_ms(epoch_ms) if epoch_ms else None
