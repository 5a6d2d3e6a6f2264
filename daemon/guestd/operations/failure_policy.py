"""What follows when a call did not succeed: again, look, give up, or admit that it cannot be known.

`PlatformCalls` has already tried again within one logical call. Here the operation itself rests and
tries the same step with the same idempotency key, `tries_max` times in all, across restarts. What
decides the end is doubt: whether any try may have acted. Without doubt a last failure is `failed`.
With it the platform is looked at, if it can be; else it is `uncertain`, for a caller who reads
`failed` may ask again, and that would double what was done."""

from __future__ import annotations

from random import Random
from typing import Any

from ..model.errors import BudgetSpent, ErrorItem, NoSuchPath, PlatformError
from ..observe.redaction import without_values
from .operation import Operation, PlatformRequest, Transition
from .settings import OperationsSettings
from .workflow import Workflow, as_uncertain


def problem_of(operation: Operation, error: PlatformError, workflow: Workflow) -> dict[str, Any]:
    """The failure as an outsider sees it, without any secret the platform may have repeated."""
    secrets = tuple(operation.secrets.values())
    message = without_values(str(error), secrets, "(secret)")
    found: dict[str, Any] = {"code": _code_of(operation, error, workflow), "message": message}
    for name in ("status", "platform_code", "correlation_id"):
        if getattr(error, name):
            found[name] = getattr(error, name)
    if error.errors:
        found["errors"] = [_item_shown(item, secrets) for item in error.errors]
    if error.scopes:
        found |= {"missing_scope": error.scopes[0], "scopes": list(error.scopes)}
    if _is_missing(operation, error, workflow):
        found["field"] = workflow.field_by_step[operation.step]
    return found


def _item_shown(item: ErrorItem, secrets: tuple[str, ...]) -> dict[str, str]:
    return {
        name: without_values(value, secrets, "(secret)") for name, value in item.shown().items()
    }


def _is_missing(operation: Operation, error: PlatformError, workflow: Workflow) -> bool:
    """The thing that the request names is not there; an unknown path says nothing of it."""
    return (
        error.status == 404
        and not isinstance(error, NoSuchPath)
        and operation.step in workflow.field_by_step
    )


def _code_of(operation: Operation, error: PlatformError, workflow: Workflow) -> str:
    """Ours where the asker can mend it, the platform's where it cannot."""
    if error.status == 409:
        return "conflict"
    if _is_missing(operation, error, workflow):
        return "not_found"
    if isinstance(error, NoSuchPath):
        return error.code
    return "platform_unavailable" if error.worth_retrying else "platform_refused"


def after_failure(
    workflow: Workflow,
    operation: Operation,
    request: PlatformRequest,
    error: PlatformError,
    settings: OperationsSettings,
    rng: Random,
    now_ms: int,
) -> Transition:
    """The common way of a failed call that acts or reads."""
    operation.in_doubt |= request.acts and error.acted
    problem = problem_of(operation, error, workflow)
    if was_never_sent(error):
        operation.tries -= 1  # it was not tried; nothing is proved by that, and nothing lost
    if error.worth_retrying and operation.tries < settings.tries_max:
        rest_s = _rest_s(operation, error, settings, rng)
        return Transition(wake_ms=now_ms + int(rest_s * 1000), problem=problem)
    if not (request.acts and operation.in_doubt):
        return Transition(status="failed", problem=problem)
    if workflow.probe(operation) is not None:
        operation.probing = True
        return Transition(problem=problem)
    return Transition(status="uncertain", problem=as_uncertain(problem))


def after_failed_probe(
    workflow: Workflow,
    operation: Operation,
    error: PlatformError,
    settings: OperationsSettings,
    rng: Random,
    now_ms: int,
) -> Transition:
    """Looking failed as well: again, or it cannot be known."""
    if error.worth_retrying and operation.tries < 2 * settings.tries_max:
        rest_s = _rest_s(operation, error, settings, rng)
        return Transition(wake_ms=now_ms + int(rest_s * 1000), problem=operation.problem)
    return Transition(
        status="uncertain", problem=as_uncertain(problem_of(operation, error, workflow))
    )


def _rest_s(
    operation: Operation, error: PlatformError, settings: OperationsSettings, rng: Random
) -> float:
    """Our own backoff, or what the platform asks for where that is longer; never beyond our
    bound."""
    asked_s = min(error.retry_after_s or 0.0, settings.retry_after_max_s)
    return max(settings.backoff().delay_s(max(0, operation.tries - 1), rng), asked_s)


def was_never_sent(error: PlatformError) -> bool:
    """Our own budget of requests held it back from its first attempt on: that says nothing about
    the platform."""
    return isinstance(error, BudgetSpent) and error.attempts == 0


def is_key_expired(operation: Operation, settings: OperationsSettings, now_ms: int) -> bool:
    """The platform no longer remembers the idempotency key of the first try: the same key again
    could double it."""
    return (
        operation.first_try_ms > 0
        and now_ms - operation.first_try_ms >= settings.keys_remembered_s * 1000
    )
