"""The base class of workflows. They are pure, so that a test can crash them at every point.

A workflow answers three questions. `next_request`: what does this step request of the platform, or
what follows at once if it requests nothing? `answered`: what follows from a success? `refused`:
what follows from a failure, where `failure_policy.py` does not fit? It may write to the operation's
`data` and `result`; everything else goes through the Transition."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Self

from ..model.errors import PlatformError, missing_in_words
from ..model.foreign import ID_CHARS_MAX
from ..model.ports import PlatformAnswer
from ..observe.metrics import Metrics
from .operation import InvalidPlatformAnswer, Operation, PlatformRequest, Transition
from .requests import WorkflowRequest
from .settings import OperationsSettings

#: Signs a token for a guest id and its attributes (GUEST-1): the token, and when it expires, epoch
#: milliseconds.
SignToken = Callable[[str, Mapping[str, Any]], tuple[str, int]]


@dataclass(slots=True, frozen=True)
class WorkflowContext:
    """What a workflow may be made of. `sign`: None where no keys are configured;
    `requests_per_minute`: the budget that heartbeats are stretched to."""

    settings: OperationsSettings
    metrics: Metrics
    rng: Random
    draw_id: Callable[[], str]
    sign: SignToken | None
    requests_per_minute: Callable[[], float]


class Workflow(ABC):
    """What has a body here is the common case. Listed in `workflows.WORKFLOWS`, a class is all that
    the service, the control API, its OpenAPI document and the command line know of a workflow."""

    #: The word for it in requests, answers and the journal.
    kind: ClassVar[str]
    request_model: ClassVar[type[WorkflowRequest]]
    #: The resource under /v1/, its name in operation ids, and what POST does.
    path: ClassVar[str]
    noun: ClassVar[str]
    summary: ClassVar[str]
    #: What DELETE does; "" where an operation cannot be ended.
    ending: ClassVar[str] = ""
    #: The action of the event that tells how the whole ended; "" where it depends on the last step.
    outcome: ClassVar[str] = ""
    #: By step: the request's field to name when the platform answers 404.
    field_by_step: Mapping[str, str] = {}

    @classmethod
    def create(cls, context: WorkflowContext) -> Self:
        return cls()

    @abstractmethod
    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        """Sets the first step and what must never change: our own ids, times. Raises
        CommandError."""

    @abstractmethod
    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest | Transition: ...

    @abstractmethod
    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        """What follows from a success. Raises InvalidPlatformAnswer."""

    def refused(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition | None:
        """What follows from a failure; None: what `failure_policy` says."""
        return None

    def guest_token_refused(self, operation: Operation) -> str:
        """The fingerprint of the guest's token for which a request was refused that carried none;
        "": the request has told it itself (GUEST-3)."""
        return operation.data["token_fingerprint"] if operation.probing else ""

    def probe(self, operation: Operation) -> PlatformRequest | None:
        """The request that finds out whether this step was done after all; None if there is
        none."""
        return None

    def probed(
        self, operation: Operation, answer: PlatformAnswer, now_ms: int
    ) -> Transition | None:
        """What follows from the probe's answer; None: it was not done. Raises
        InvalidPlatformAnswer."""
        return None

    @abstractmethod
    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        """The caller ends it; None: the next `next_request` does so. Raises CommandError where it
        cannot be ended."""

    def conversation_id(self, operation: Operation) -> str:
        """The conversation in whose order its webhooks are delivered."""
        found = operation.result.get("conversation_id") or operation.request.get(
            "conversationId", ""
        )
        return str(found)

    def is_answered(self, operation: Operation) -> bool:
        """True once a waiting caller should be answered."""
        return operation.over

    def recovered(self, operation: Operation, now_ms: int) -> None:  # noqa: B027  # optional
        """Called when a restart resumes it."""

    def finished(self, operation: Operation) -> None:  # noqa: B027  # optional
        """Called when it is over, for whatever reason."""

    def ended(self, operation: Operation, now_ms: int) -> tuple[str, dict[str, Any]]:
        """The action of the event that tells how it ended, and what it says beside `details` and
        the problem: it is added where the last step's own event does not tell that (AUDIT-1)."""
        return self.outcome, {"latency_ms": now_ms - operation.started_ms}

    def details(self, operation: Operation) -> dict[str, Any]:
        """What its events say beside the common fields: ids, never a secret."""
        return {}


def id_of(body: dict[str, Any], what: str) -> str:
    found = body.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= ID_CHARS_MAX:
        raise InvalidPlatformAnswer(f"the platform's answer has no id for the {what}")
    return found


def succeeded() -> Transition:
    return Transition(status="succeeded")


def failed(code: str, message: str, remedy: str = "", **more: Any) -> Transition:
    problem = {"code": code, "message": message, **more}
    return Transition(status="failed", problem=with_remedy(problem, remedy))


_LOOK_THERE = "check there before you try again"


def without_remedy(problem: dict[str, Any]) -> dict[str, Any]:
    """The same problem, saying what happened, a missing scope too, and not what to do."""
    rest = {name: one for name, one in problem.items() if name != "remedy"}
    message = str(problem.get("message", "no answer")).removesuffix(f"; {problem.get('remedy')}")
    missing = missing_in_words(problem["scopes"]) if "scopes" in problem else ""
    if missing not in message:
        message = f"{message}; {missing}"
    return {**rest, "message": message}


def with_remedy(problem: dict[str, Any], remedy: str) -> dict[str, Any]:
    """The problem, and at the end of its words what to do."""
    if not remedy:
        return problem
    return {**problem, "message": f"{problem['message']}; {remedy}", "remedy": remedy}


def as_uncertain(problem: dict[str, Any]) -> dict[str, Any]:
    """The problem of an operation whose outcome is unknown: what to do is to look, whatever the
    failure by itself would ask for."""
    found = without_remedy(problem)
    unknown = {"code": "uncertain", "cause": problem.get("code", "")}
    message = f"{found['message']}; it is unknown whether the platform did it: {_LOOK_THERE}"
    return {**found, **unknown, "message": message, "remedy": _LOOK_THERE}
