"""Shows a prompt on the agent's screen; deferred while the screen is full (ASSIST-1 … 3, ASSIST-5).

409 means that nothing was shown, so the next attempt may use the same idempotency key. Each
deferral is durable, their number and time are bounded, and the caller may cancel the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Self
from uuid import NAMESPACE_OID, uuid5

from ..model.errors import CommandError, PlatformError
from ..model.ports import PlatformAnswer
from .failure_policy import problem_of
from .operation import Operation, PlatformRequest, Transition
from .requests import PromptRequest, WorkflowRequest
from .settings import OperationsSettings
from .workflow import (
    Workflow,
    WorkflowContext,
    as_uncertain,
    failed,
    id_of,
    succeeded,
    with_remedy,
    without_remedy,
)

COMPLIANCE = {"complianceTag": "AGENT_ASSIST_INJECTION", "retentionPolicy": "90_DAYS"}
SCREEN_FULL = "the agent's screen is full"
#: ASSIST-5's words for the state; an unknown outcome is neither SUCCESS nor FAILED.
_INJECTION_STATUS = {"succeeded": "SUCCESS", "failed": "FAILED"}


class PromptWorkflow(Workflow):
    kind = "prompt"
    request_model = PromptRequest
    path, noun = "prompts", "Prompt"
    summary = "Show an agent-assist prompt"
    ending = "Give up a deferred prompt"
    outcome = "prompt.injected"
    field_by_step: Mapping[str, str] = {"inject": "conversationId"}

    def __init__(self, settings: OperationsSettings) -> None:
        self._settings = settings

    @classmethod
    def create(cls, context: WorkflowContext) -> Self:
        return cls(context.settings)

    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        assert isinstance(request, PromptRequest)
        operation.step = "inject"
        audit = uuid5(NAMESPACE_OID, f"{operation.operation_id} {operation.started_ms}")
        operation.data = {"audit_id": str(audit), "deferrals": 0}
        operation.result = {
            "conversation_id": request.conversation_id,
            "prompt_id": request.prompt_id,
        }

    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest | Transition:
        if now_ms - operation.started_ms > self._settings.prompt_age_max_s * 1000:
            return _too_late(operation)
        names = (
            "conversationId",
            "promptId",
            "triggerConditions",
            "displaySettings",
            "contextData",
        )
        body = {name: operation.request[name] for name in names if name in operation.request}
        return PlatformRequest(
            "prompt.inject", self.outcome, body=body, key=operation.key("prompt")
        )

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        operation.result["injection_id"] = id_of(answer.body, "injection")
        return succeeded()

    def refused(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition | None:
        """409: retry when the oldest prompt has dismissed itself. Everything else: the default."""
        if error.status_of_thing != 409:
            return None
        operation.in_doubt |= error.acted
        deferrals = operation.data["deferrals"] + 1
        wake_ms = now_ms + ceil(operation.request["displaySettings"]["autoDismissMs"])
        problem = problem_of(operation, error, self)
        late = wake_ms - operation.started_ms > self._settings.prompt_age_max_s * 1000
        if late or deferrals > self._settings.prompt_deferrals_max:
            return _given_up(operation, problem, deferrals)
        operation.data["deferrals"] = operation.result["deferrals"] = deferrals
        operation.tries = 0
        return Transition(
            status="deferred",
            wake_ms=wake_ms,
            problem={**problem, "message": f"{SCREEN_FULL}: {problem['message']}"},
            facts=[
                ("prompt.deferred", "deferred", {"deferrals": deferrals, "until_ms": wake_ms}),
            ],
        )

    def is_answered(self, operation: Operation) -> bool:
        """Deferred is an answer too: callers do not wait for the screen."""
        return operation.over or operation.status == "deferred"

    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        if operation.status != "deferred":
            raise CommandError(
                "the prompt is being sent; only a deferred one can be cancelled", code="conflict"
            )
        message = "the deferred prompt was cancelled on request"
        if operation.in_doubt:
            problem = {**(operation.problem or {}), "code": "given_up", "message": message}
            return Transition(status="uncertain", problem=as_uncertain(problem))
        return failed("given_up", f"{message}; it was not shown")

    def details(self, operation: Operation) -> dict[str, Any]:
        status = _INJECTION_STATUS.get(operation.status, "PENDING")
        details = {
            "auditId": operation.data["audit_id"],
            **COMPLIANCE,
            "status": status,
            **operation.result,
        }
        if operation.status == "succeeded":
            details["alignmentStatus"] = (
                "PENDING"  # until its webhook is delivered, which is an event of its own
            )
            if "contextData" in operation.request:
                details["context"] = operation.request["contextData"]
        return details


def _too_late(operation: Operation) -> Transition:
    """A late prompt is not shown; but one that may have been shown is not called failed."""
    message = "too much time has passed to show the prompt"
    if operation.in_doubt:
        return Transition(
            status="uncertain", problem=as_uncertain({"code": "expired", "message": message})
        )
    return failed("expired", message, "send it again")


def _given_up(operation: Operation, problem: dict[str, Any], deferrals: int) -> Transition:
    """The screen stayed full. What was sent before and had no answer may be shown on it."""
    full = f"the agent's screen stayed full through {deferrals} attempts"
    message = f"{full}: {without_remedy(problem)['message']}"
    found = {**without_remedy(problem), "message": message}
    if operation.in_doubt:
        return Transition(status="uncertain", problem=as_uncertain(found))
    remedy = "try again, or lower the number of prompts"
    return Transition(status="failed", problem=with_remedy(found, remedy))
