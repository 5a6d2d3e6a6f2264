"""May this command be accepted now? One question, answered with an error that names the field and
the remedy, or None.

Nothing is truncated and nothing is sent to find out: a command is refused before its intent is
journaled (SOCK-7)."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, get_args

from ..model.commands import (
    Attach,
    Command,
    Context,
    End,
    RenewDownloadLink,
    Reply,
    Send,
    Typing,
    Withdraw,
)
from ..model.custom_attributes import too_large
from ..model.endings import Ending
from ..model.errors import CommandError, NotReady, Overloaded
from ..model.ids import COMMAND_ID_CHARS_MAX
from ..model.json_values import refusal_of
from ..model.traits import Traits
from .settings import SessionSettings
from .states import State

REPLY_TYPES = ("Button", "DatePicker", "Form", "ListPicker", "QuickReply")

#: What an answer begins with while there is no connection, whoever plays the platform.
NOT_READY = "Genesys connection not ready"

#: How soon to ask again while a connection is being opened: most are open by then.
STEP_S = 0.1

#: Refused in no state of the guest session.
_ALWAYS = (End, Withdraw, RenewDownloadLink)

_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in get_args(Command)}


@dataclass(slots=True)
class Situation:
    """Where in its life the guest session is. `next_step_s`: until its next step is due; `lost_by`:
    why there is no connection."""

    state: State
    is_leaving: bool
    was_ever_live: bool
    next_step_s: float = 0.0
    lost_by: Ending | None = None

    def not_ready(self) -> NotReady:
        """For the caller: when the next try is made, or soon, if one is being made."""
        retry_after_s = max(self.next_step_s if self.state is State.RESTING else 0.0, STEP_S)
        problem = f"{NOT_READY}: {self._why(retry_after_s)}"
        return NotReady(problem, self.state.value, retry_after_s)

    def _why(self, retry_after_s: float) -> str:
        if self.state is State.LEAVING:
            return "the guest session is saying goodbye"
        if not self.was_ever_live:
            return "the guest session has no connection to the platform yet"
        cause = f" ({self.lost_by})" if self.lost_by else ""
        again = (
            f"and is opened again in {retry_after_s:.1f} s"
            if self.state is State.RESTING
            else "and is being opened again"
        )
        return (
            "the guest session's connection to the platform, or to the emulator in its place, was"
            f" lost{cause} {again}"
        )


def refusal(
    command: Command,
    situation: Situation,
    *,
    read_only: bool,
    settings: SessionSettings,
    traits: Traits,
    attribute_bytes_max: int,
    waiting: int,
    is_over_rate: bool,
) -> CommandError | None:
    """Why `command` is refused, or None.

    `waiting` counts the lane; `is_over_rate` says that under `reject` one more message would be
    over the rate. A command given while a session first connects waits for that, regardless of
    `when_down`: no connection was lost (SIM-1)."""
    if not command.command_id or len(command.command_id) > COMMAND_ID_CHARS_MAX:
        return CommandError(
            f"command_id must have 1 to {COMMAND_ID_CHARS_MAX} characters", field="command_id"
        )
    if (unwritable := unwritable_field(command)) is not None:
        return unwritable
    if isinstance(command, _ALWAYS):
        return None
    if situation.is_leaving:
        return CommandError("the guest session is about to end; open another one", code="ended")
    if isinstance(command, Context):
        return _context_refusal(command, attribute_bytes_max)
    must_be_live = isinstance(command, Typing) or (
        (command.when_down or settings.messages.when_down) == "reject" and situation.was_ever_live
    )
    if situation.state is not State.LIVE and must_be_live:
        return situation.not_ready()
    if read_only:
        return CommandError(
            "the conversation has ended and is read-only; open another guest session",
            code="read_only",
        )
    if isinstance(command, Typing):
        return None
    problem = _message_refusal(command, traits, attribute_bytes_max)
    if problem is not None:
        return problem
    if is_over_rate and not isinstance(command, Attach):
        return CommandError(
            "too many messages at once; send it again in a moment", code="rate_limited"
        )
    if waiting >= settings.messages.waiting_max:
        return Overloaded(
            f"{waiting} messages are waiting to be sent already, which is the bound",
            retry_after_s=5.0,
        )
    return None


def unwritable_field(command: Command) -> CommandError | None:
    """Why a field of the command could not be journaled or sent, or None, from any caller."""
    for name in _FIELDS[type(command)]:
        value = getattr(command, name)
        if value is not None and (refused := refusal_of(name, value)) is not None:
            return refused
    return None


def _message_refusal(
    command: Send | Reply | Attach,
    traits: Traits,
    attribute_bytes_max: int,
) -> CommandError | None:
    if isinstance(command, Reply):
        if command.reply_type not in REPLY_TYPES:
            return CommandError(f"a reply's type is one of {', '.join(REPLY_TYPES)}", field="type")
        if not command.choices:
            return CommandError("a reply needs at least one choice", field="choices")
        texts = [text for choice in command.choices for text in choice]
    elif isinstance(command, Attach):
        texts = [command.caption]
    else:
        if not command.text.strip():
            what = "has nothing but spaces" if command.text else "is empty"
            return CommandError(f"text {what}; say something", field="text")
        texts = [command.text]
        attributes = command.attributes or {}
        if (large := too_large(attributes, attribute_bytes_max, "attributes")) is not None:
            return large
    for text in texts:
        if (length := traits.text_length(text)) > traits.text_max:
            return CommandError(
                f"text has {length} {traits.text_unit}, the limit is {traits.text_max}; split it"
                " into several messages",
                code="too_long",
                field="caption" if isinstance(command, Attach) else "text",
            )
    return None


def _context_refusal(command: Context, attribute_bytes_max: int) -> CommandError | None:
    return too_large(flatten_context(command.context), attribute_bytes_max, "data")


def flatten_context(context: dict[str, Any]) -> dict[str, str]:
    """Custom attributes are strings (protocol §2.5): text stays, all else is written as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in context.items()
    }
