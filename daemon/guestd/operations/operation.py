"""An operation as it stands, what it asks of the platform next, and what an answer leads to.

Three plain values. A kind (injection, prompt, …) is pure: it reads an operation and says what to
ask, it reads an answer and says what follows; `carrier.py` alone commits and calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from ..model.ports import OperationStatus, OperationView, Urgency
from ..model.records import OperationRecord

OVER = frozenset({"succeeded", "failed", "uncertain"})

#: What of an operation is written down: attribute, and its key in the journal (the keys of version
#: 0.1). The secrets come last: a journal's export leaves that key out.
_KEY_BY_ATTRIBUTE = {
    **{name: name for name in ("request", "started_ms", "status", "step", "data", "tries")},
    "in_flight": "trying",
    "in_doubt": "doubt",
    "probing": "looking",
    **{name: name for name in ("first_try_ms", "wake_ms", "end_asked", "result", "problem")},
    "secrets": "secrets",
}


@dataclass(slots=True)
class Operation:
    """`data` is the kind's own, `result` what the asker sees, growing as it goes. `tries` counts
    this step's; `trying`: one was announced and its outcome is not known; `doubt`: one may have
    acted; `looking`: before anything else, see at the platform whether one has. `wake_ms`: resting
    until then, 0 if not. `shown`: as it was when it was last durable, which is all that an outsider
    may see.
    `had_secrets`: the journal's row of it holds some."""

    operation_id: str
    kind: str
    request: dict[str, Any]
    started_ms: int
    step: str
    status: OperationStatus = "running"
    data: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    tries: int = 0
    in_flight: bool = False
    in_doubt: bool = False
    probing: bool = False
    first_try_ms: int = 0
    wake_ms: int = 0
    end_asked: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    problem: dict[str, Any] | None = None
    durable_view: OperationView | None = None
    had_secrets: bool = False

    @property
    def over(self) -> bool:
        return self.status in OVER

    def key(self, step: str) -> str:
        """The idempotency key of a step: the same over retries and restarts (HTTP-2)."""
        return f"{self.operation_id}-{step}"

    def go_to(self, step: str) -> None:
        """A new step begins without doubts."""
        self.step = step
        self.tries = self.first_try_ms = self.wake_ms = 0
        self.in_flight = self.in_doubt = self.probing = False
        self.problem = None

    def record(self) -> OperationRecord:
        state = {key: getattr(self, name) for name, key in _KEY_BY_ATTRIBUTE.items()}
        erases = self.had_secrets and not self.secrets
        self.had_secrets = bool(self.secrets)
        return OperationRecord(self.operation_id, self.kind, orjson.dumps(state), self.over, erases)

    def view(self) -> OperationView:
        return OperationView(
            self.operation_id,
            self.kind,
            self.status,
            self.step,
            self.request,
            dict(self.result),
            self.problem if self.over else None,
            self.started_ms,
        )


def from_record(record: OperationRecord) -> Operation:
    """What a restart finds. A try whose outcome was never written down may have acted."""
    state = orjson.loads(record.state)
    fields = {name: state[key] for name, key in _KEY_BY_ATTRIBUTE.items()}
    operation = Operation(record.operation_id, record.kind, **fields)
    operation.in_doubt |= operation.in_flight
    operation.in_flight = False
    operation.durable_view = operation.view()
    operation.had_secrets = bool(operation.secrets)
    return operation


@dataclass(slots=True)
class PlatformRequest:
    """One call of the platform. `acts`: it changes something there, so that its fate matters.
    `quiet`: the audit hears of its failures only. `action` is the fact's. `urgency` None: the
    call's own."""

    call: str
    action: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str | int] = field(default_factory=dict)
    body: dict[str, Any] | None = field(default=None, repr=False)
    key: str = ""
    acts: bool = True
    quiet: bool = False
    urgency: Urgency | None = None


@dataclass(slots=True)
class Transition:
    """What follows. `step` "": the same again, at `wake_ms` if that is set. `facts` are (action,
    status, details)."""

    step: str = ""
    status: OperationStatus = "running"
    wake_ms: int = 0
    problem: dict[str, Any] | None = None
    facts: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    quiet: bool = False

    @property
    def ends(self) -> bool:
        return self.status in OVER


class InvalidPlatformAnswer(Exception):
    """An answer without what it must have; what was asked may well have been done."""
