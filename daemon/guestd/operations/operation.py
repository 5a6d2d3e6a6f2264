"""The state of an operation, its next request to the platform, and the transition that follows.

Three plain values. A workflow (injection, prompt, …) is pure: it reads an operation and returns a
request, it reads an answer and returns a transition; only `executor.py` commits and calls.
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
    """`data` is the workflow's own, `result` what the caller sees, growing step by step. `tries`
    counts the attempts of this step; `in_flight`: one was recorded and its outcome is not known;
    `in_doubt`: one may have acted; `probing`: first find out at the platform whether one has.
    `wake_ms`: rests until then, 0 if it does not. `durable_view`: the last committed state, the
    only one that callers may see. `had_secrets`: its row in the journal holds secrets."""

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
        """A new step begins with nothing in doubt."""
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
            self.problem if self.over or self.status == "deferred" else None,
            self.started_ms,
            self.end_asked and not self.over,
        )


def from_record(record: OperationRecord) -> Operation:
    """The operation that a restart finds. An attempt without a recorded outcome may have acted."""
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
    """One call of the platform. `acts`: it changes something there, so its outcome matters.
    `quiet`: only its failures are recorded. `action` is that of its events. `urgency` None: the
    call's default."""

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
    """What follows. `step` "": the same step again, at `wake_ms` if that is set. `facts`: events as
    (action, status, details). `malformed`: for an answer that is not what it must be."""

    step: str = ""
    status: OperationStatus = "running"
    wake_ms: int = 0
    problem: dict[str, Any] | None = None
    facts: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    quiet: bool = False
    malformed: bool = False

    @property
    def ends(self) -> bool:
        return self.status in OVER


class InvalidPlatformAnswer(Exception):
    """An answer that lacks what it must have; the request may have been carried out."""
