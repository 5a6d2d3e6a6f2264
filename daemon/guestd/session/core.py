"""What a guest session's machine is made of: its parts, and the few things all its rooms use.

The machine is one value in six rooms, each a floor of one class: here the parts; `speaking`
(commands and the outbox);
`linking` (links to files that came); `attaching` (files that go); `listening` (the inbox and the
history); `machine` (life, links, time and the end). Calls go down that chain; the few that must go
up are declared here."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from ..model import effects as e
from ..model.commands import Attach, FreshLink
from ..model.endings import Cause
from ..model.errors import CommandError
from ..model.ids import Guest
from ..model.traits import FileRules, Traits
from ..policy.buckets import SlidingCount
from .fill import Fill
from .heartbeat import Heartbeat
from .inbox import NEVER, Inbox
from .outbox import Outbox
from .settings import SessionSettings
from .states import State


@dataclass(slots=True)
class Accepted:
    """A command we said yes to; `durable` once its intent is, so that a repetition gets the same
    answer.

    `trace` is the tracing id and marker of its message: ours, because a caller's command id need
    not be unique for ever."""

    seq: int
    trace: str = ""
    durable: bool = False


@dataclass(slots=True)
class Figures:
    """What changes rarely and is asked for by outsiders: the platform's own figures of this
    session."""

    duration_s: float | None = None
    expires_at_epoch_s: float | None = None
    attribute_bytes_max: int | None = None
    file_rules: FileRules | None = None


class SessionCore:
    __slots__ = (
        "_accepted",
        "_attempt",
        "_cleared",
        "_context",
        "_context_id",
        "_end_id",
        "_ends_at",
        "_fill",
        "_goodbye_id",
        "_has_forgotten",
        "_history",
        "_inbox",
        "_joined_once",
        "_jwt",
        "_leave_by",
        "_leave_cause",
        "_links",
        "_outbox",
        "_pending_attributes",
        "_requests",
        "_rng",
        "_seq",
        "_settings",
        "_step_at",
        "_traces",
        "_traits",
        "_typed_at",
        "_unproven_seq",
        "_was_live",
        "beat",
        "duration_s",
        "figures",
        "guest",
        "read_only",
        "state",
        "wake_at",
    )

    def __init__(
        self,
        guest: Guest,
        settings: SessionSettings,
        traits: Traits,
        inbox: Inbox,
        rng: Random,
        seq: int = 0,
    ) -> None:
        self.guest = guest
        self.state = State.WAITING
        self.read_only = False
        self.wake_at = NEVER
        self.beat = Heartbeat()
        self.figures: Figures | None = None
        self.duration_s = settings.lifetime.duration_s
        self._settings = settings
        self._traits = traits
        self._inbox = inbox
        self._rng = rng
        self._seq = seq
        self._attempt = 0
        self._joined_once = False
        self._step_at = NEVER
        self._ends_at = NEVER
        self._leave_by = NEVER
        self._leave_cause: Cause | None = None
        self._goodbye_id = ""
        self._cleared = False
        self._outbox: Outbox | None = None
        self._requests: SlidingCount | None = None
        self._fill: Fill | None = None
        self._jwt: tuple[str, float] | None = None
        self._history: SlidingCount | None = None
        self._accepted: OrderedDict[str, Accepted] | None = None
        self._has_forgotten = False
        self._traces: dict[str, str] | None = None
        self._pending_attributes = guest.attributes or None
        self._context: dict[str, Any] | None = None
        self._context_id = ""
        self._end_id = ""
        self._typed_at = -NEVER
        self._unproven_seq = (
            0  # nothing is sent before the event of that seq is durable; 0: nothing to wait for
        )
        self._was_live = False  # the journal's last word on the link, of the life before
        self._links: dict[str, tuple[str, str, float]] | None = (
            None  # trace → command, attachment, answer by
        )

    def use(self, settings: SessionSettings, traits: Traits) -> None:
        """From now on these: the deployment's facts came after this guest session began."""
        self._settings = settings
        self._traits = traits

    def __repr__(self) -> str:
        state = self.state.value + (
            "-soon" if self._leave_cause and self.state is not State.LEAVING else ""
        )
        out = len(self._outbox) if self._outbox else 0
        return (
            f"<guest {self.guest.session_id} {state} seq={self._seq} held={self._inbox.held}"
            f" out={out}"
            f" attempt={self._attempt}{' filling' if self._fill else ''}"
            f"{' read-only' if self.read_only else ''}>"
        )

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def has_unsent(self) -> bool:
        return bool(self._outbox)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _draw_id(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def _bounded_wait_s(self, retry_after_s: float | None) -> float:
        """What the platform asks us to wait, within our own bound."""
        return min(retry_after_s or 0.0, self._settings.reconnect.retry_after_max_s)

    # ------------------------------------------------------------------ what the upper rooms add
    # The machine is one value in a chain of classes; what a lower one asks for, a class above it
    # answers.

    def _begin_fill(self, now: float, out: list[e.Effect]) -> None:
        raise NotImplementedError

    def _attach_refusal(self, command: Attach) -> CommandError | None:
        raise NotImplementedError

    def _tend_uploads(self, now: float, out: list[e.Effect]) -> None:
        raise NotImplementedError

    def _ask_link(self, command: FreshLink, now: float, out: list[e.Effect]) -> bool:
        raise NotImplementedError

    def _leave(self, cause: Cause, now: float, out: list[e.Effect]) -> None:
        raise NotImplementedError

    def _say_goodbye(self, now: float, out: list[e.Effect]) -> None:
        raise NotImplementedError
