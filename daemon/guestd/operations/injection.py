"""Injects messages into a running interaction: check that it runs, inject all at once, verify the
answer (INJ-1 … INJ-5).

An injection whose answer is wrong is `uncertain` with the code `unverified`, not `failed`: the
messages are there, and a caller who reads `failed` would inject them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from ..model.errors import CommandError
from ..model.ports import PlatformAnswer
from ..model.times import iso_of_ms
from ..observe.redaction import is_word
from .operation import InvalidPlatformAnswer, Operation, PlatformRequest, Transition
from .requests import InjectionRequest, WorkflowRequest, milliseconds_of
from .verification import InjectionMismatch, messages_of, verify
from .workflow import Workflow, WorkflowContext, failed, succeeded, with_remedy

LOOK_AT_IT = "look at the interaction"
RUNNING = frozenset({"active", "queued"})


class InjectionWorkflow(Workflow):
    kind = "injection"
    request_model = InjectionRequest
    path, noun = "injections", "Injection"
    summary = "Inject messages into an interaction"
    outcome = "injection.completed"
    field_by_step: Mapping[str, str] = {"preflight": "interactionId", "inject": "interactionId"}

    def __init__(self, key_in_body: bool = False) -> None:
        """`key_in_body`: send the idempotency key as `idempotencyKey` too, as one of the documents
        does."""
        self._key_in_body = key_in_body

    @classmethod
    def create(cls, context: WorkflowContext) -> Self:
        return cls(context.settings.injection_key_in_body)

    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        assert isinstance(request, InjectionRequest)
        operation.step = "preflight"
        operation.result = {"interaction_id": request.interaction_id}

    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest:
        interaction = operation.result["interaction_id"]
        if operation.step == "preflight":
            return PlatformRequest(
                "interaction.get",
                "injection.preflight",
                path={"interactionId": interaction},
                acts=False,
            )
        key, messages = (
            operation.key("injection"),
            dated(operation.request["messages"], operation.started_ms),
        )
        body: dict[str, Any] = {"interactionId": interaction, "messages": messages}
        if self._key_in_body:
            body["idempotencyKey"] = key
        return PlatformRequest("interaction.inject", self.outcome, body=body, key=key)

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        if operation.step == "preflight":
            return _after_preflight(operation, answer.body)
        count = operation.result["message_count"] = len(operation.request["messages"])
        operation.result["http_status"] = answer.status
        operation.result["sequence_match"] = operation.result["verified"] = False
        try:
            placed = messages_of(answer.body)
            operation.result["sequence_match"] = len(placed) == count
            operation.result["last_message_id"] = verify(count, placed)
        except InjectionMismatch as violation:
            message = f"the messages were injected, but the platform's answer is wrong: {violation}"
            problem = with_remedy({"code": "unverified", "message": message}, LOOK_AT_IT)
            return Transition(status="uncertain", problem=problem, malformed=True)
        operation.result["verified"] = True
        return succeeded()

    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        raise CommandError("an injection cannot be ended; it ends on its own", code="conflict")

    def conversation_id(self, operation: Operation) -> str:
        return str(operation.result["interaction_id"])

    def details(self, operation: Operation) -> dict[str, Any]:
        return dict(operation.result)


def _after_preflight(operation: Operation, body: dict[str, Any]) -> Transition:
    state = body.get("state")
    if not isinstance(state, str):
        raise InvalidPlatformAnswer("the platform's answer has no state of the interaction")
    if state.lower() in RUNNING:
        return Transition(step="inject")
    return failed(
        "conflict",
        f"the interaction is {state if is_word(state) else 'in a state without a name'}",
        "messages can be injected only while it is active or queued",
        field="interactionId",
    )


def dated(messages: list[dict[str, Any]], started_ms: int) -> list[dict[str, Any]]:
    """The messages as the platform wants them, with milliseconds that strictly increase. Those
    without a time get the time of the request, or the nearest to it between their neighbours; so
    the same request always gives the same body."""
    given = [
        milliseconds_of(datetime.fromisoformat(one["timestamp"])) if "timestamp" in one else None
        for one in messages
    ]
    times: list[int] = []
    for at_ms, latest_ms in zip(given, _latest(given), strict=True):
        wanted_ms = at_ms if at_ms is not None else min(started_ms, latest_ms or started_ms)
        times.append(max(wanted_ms, times[-1] + 1) if times else wanted_ms)
    return [
        {**one, "timestamp": iso_of_ms(at_ms)} for one, at_ms in zip(messages, times, strict=True)
    ]


def _latest(given: list[int | None]) -> list[int | None]:
    """By index: the latest time that leaves 1 ms for each message up to the next one with a time;
    None if there is none."""
    found: list[int | None] = []
    latest_ms: int | None = None
    for at_ms in reversed(given):
        before_ms = None if latest_ms is None else latest_ms - 1
        latest_ms = before_ms if at_ms is None else at_ms
        found.append(latest_ms)
    return found[::-1]
