"""Messages put into a running interaction: look whether it runs, inject all at once, check what came back (INJ-1 … INJ-5).

An injection that came back wrong is `uncertain` with the code `unverified`, not `failed`: the messages are there, and a caller
who reads `failed` would inject them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..model.errors import CommandError
from ..model.ports import PlatformAnswer
from .kind import Kind, failed, succeeded
from .operation import Ask, Operation, Turn, Unreadable
from .requests import InjectionRequest, Request
from .verification import Violation, verify

RUNNING = frozenset({"active", "queued"})


class Injection(Kind):
    name = "injection"
    outcome = "injection.completed"
    culprits: Mapping[str, str] = {"preflight": "interactionId", "inject": "interactionId"}

    def begin(self, operation: Operation, request: Request) -> None:
        assert isinstance(request, InjectionRequest)
        operation.step = "preflight"
        operation.result = {"interaction_id": request.interaction_id}

    def ask(self, operation: Operation, now_ms: int) -> Ask:
        interaction = operation.result["interaction_id"]
        if operation.step == "preflight":
            return Ask("interaction.get", "injection.preflight", path={"interactionId": interaction}, acts=False)
        body = {"interactionId": interaction, "messages": dated(operation.request["messages"], operation.started_ms)}
        return Ask("interaction.inject", self.outcome, body=body, key=operation.key("injection"))

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Turn:
        if operation.step == "preflight":
            return _after_preflight(operation, answer.body)
        count = operation.result["message_count"] = len(operation.request["messages"])
        try:
            operation.result["last_message_id"] = verify(count, answer.body)
        except Violation as violation:
            message = f"the messages were injected, but what came back is not as it must be: {violation}; look at the interaction"
            return Turn(status="uncertain", problem={"code": "unverified", "message": message})
        operation.result["verified"] = True
        return succeeded()

    def end(self, operation: Operation, now_ms: int) -> Turn | None:
        raise CommandError("an injection cannot be ended; it ends by itself", code="conflict")

    def conversation(self, operation: Operation) -> str:
        return str(operation.result["interaction_id"])

    def details(self, operation: Operation) -> dict[str, Any]:
        return dict(operation.result)


def _after_preflight(operation: Operation, body: dict[str, Any]) -> Turn:
    state = body.get("state")
    if not isinstance(state, str):
        raise Unreadable("the platform's answer names no state of the interaction")
    if state.lower() in RUNNING:
        return Turn(step="inject")
    return failed(
        "conflict",
        f"the interaction is {state}; messages can be injected while it is active or queued only",
        status=409,
        field="interactionId",
    )


def dated(messages: list[dict[str, Any]], started_ms: int) -> list[dict[str, Any]]:
    """The messages as the platform wants them. One without a time gets that of the asking, or comes just after the one
    before it; so the same request is the same body, however often it is written."""
    found: list[dict[str, Any]] = []
    started = datetime.fromtimestamp(started_ms / 1000.0, UTC)
    latest = datetime.fromtimestamp(0, UTC)
    for message in messages:
        given = message.get("timestamp")
        at = (
            datetime.fromisoformat(given).astimezone(UTC) if given else max(started, latest + timedelta(milliseconds=1))
        )
        latest = max(at, latest)
        stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found.append({**message, "timestamp": stamp})
    return found
