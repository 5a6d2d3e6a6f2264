"""What every kind of operation has: pure, so that any crash can be enumerated without it knowing.

A kind is asked three things. `ask`: what does this step want of the platform (or, nothing being
wanted, what follows at once)? `answered`: what follows from a success? `refused`: what follows from
a failure, where the common way of
`setbacks.py` is not the right one? It may write in the operation's `data` and `result`; all else
goes through the Transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..model.errors import PlatformError
from ..model.foreign import ID_CHARS_MAX
from ..model.ports import PlatformAnswer
from .operation import InvalidPlatformAnswer, Operation, PlatformRequest, Transition
from .requests import WorkflowRequest


class Workflow:
    """The five kinds fill in what raises NotImplementedError here; what has a body is the common
    case."""

    name: ClassVar[str]
    #: The fact that says what became of the whole; "" where the last step's says it.
    outcome: ClassVar[str] = ""
    #: By step: the request's field that is to blame when the platform says 404.
    field_by_step: Mapping[str, str] = {}

    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        """Set the first step and what must not change any more: ids of our own, times. Raises
        CommandError."""
        raise NotImplementedError

    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest | Transition:
        raise NotImplementedError

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        """Raises InvalidPlatformAnswer."""
        raise NotImplementedError

    def refused(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition | None:
        return None

    def probe(self, operation: Operation) -> PlatformRequest | None:
        """How to see at the platform whether this step was done after all; None: there is no
        way."""
        return None

    def probed(
        self, operation: Operation, answer: PlatformAnswer, now_ms: int
    ) -> Transition | None:
        """What follows from looking: None, it was not done. Raises InvalidPlatformAnswer."""
        return None

    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        """Somebody asks for its end: None, the next `ask` will see to it. Raises CommandError where
        there is no ending it."""
        raise NotImplementedError

    def conversation_id(self, operation: Operation) -> str:
        """In whose order webhooks about it are delivered."""
        found = operation.result.get("conversation_id") or operation.request.get(
            "conversationId", ""
        )
        return str(found)

    def is_answered(self, operation: Operation) -> bool:
        """Whoever waits for it has waited long enough."""
        return operation.over

    def recovered(self, operation: Operation, now_ms: int) -> None:
        """A restart has found it."""

    def finished(self, operation: Operation) -> None:
        """It is over, however that came about."""

    def details(self, operation: Operation) -> dict[str, Any]:
        """What its facts tell beside the common: ids, never a secret."""
        return {}


def id_of(body: dict[str, Any], what: str) -> str:
    found = body.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= ID_CHARS_MAX:
        raise InvalidPlatformAnswer(f"the platform's answer names no id of the {what}")
    return found


def succeeded() -> Transition:
    return Transition(status="succeeded")


def failed(code: str, message: str, **more: Any) -> Transition:
    return Transition(status="failed", problem={"code": code, "message": message, **more})


def as_uncertain(problem: dict[str, Any]) -> dict[str, Any]:
    """The problem of an operation whose fate is open."""
    told = problem.get("message", "no answer")
    message = f"{told}; whether the platform did it cannot be known: look there before asking again"
    return {**problem, "code": "uncertain", "cause": problem.get("code", ""), "message": message}
