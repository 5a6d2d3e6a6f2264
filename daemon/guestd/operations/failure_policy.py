"""What follows a failed call: retry, probe, fail, or end as uncertain.

`PlatformCalls` has already retried within one logical call. Here the operation itself rests and
retries the step with the same idempotency key, `tries_max` times in all, across restarts. The end
depends on whether any attempt may have acted. If none may, the last failure is `failed`. If one
may, the platform is probed where that is possible; otherwise the end is `uncertain`, because a
caller who reads `failed` may start again, and that would do it twice."""

from __future__ import annotations

from random import Random
from typing import Any

from ..model.errors import BudgetSpent, ErrorItem, NoSuchPath, PlatformError, TokenRefused
from ..observe.quoted_texts import without_texts
from ..observe.redaction import without_fingerprinted, without_values
from .operation import Operation, PlatformRequest, Transition
from .settings import OperationsSettings
from .workflow import Workflow, as_uncertain, with_remedy, without_remedy


def problem_of(operation: Operation, error: PlatformError, workflow: Workflow) -> dict[str, Any]:
    """The failure as callers see it, without any secret that the platform may have repeated."""
    secrets = tuple(operation.secrets.values())
    found: dict[str, Any] = {
        "code": _code_of(operation, error, workflow),
        "message": words_of(operation, str(error)),
        "remedy": words_of(operation, error.remedy),
    }
    for name in ("status", "platform_code", "cause", "correlation_id"):
        if getattr(error, name):
            found[name] = getattr(error, name)
    if error.errors:
        found["errors"] = [_item_shown(item, secrets) for item in error.errors]
    if error.scopes:
        found |= {"missing_scope": error.scopes[0], "scopes": list(error.scopes)}
    if _is_missing(operation, error, workflow):
        found["field"] = workflow.field_by_step[operation.step]
    return found


def words_of(operation: Operation, said: str) -> str:
    """What an error says, without any secret of the operation, also one that is known by its
    fingerprint only."""
    message = without_values(said, tuple(operation.secrets.values()), "(secret)")
    token_fingerprint = operation.data.get("token_fingerprint")
    if token_fingerprint and not operation.secrets:
        message = without_fingerprinted(message, token_fingerprint)
    return message


def _item_shown(item: ErrorItem, secrets: tuple[str, ...]) -> dict[str, str]:
    return {
        name: without_values(value, secrets, "(secret)") for name, value in item.shown().items()
    }


def _is_missing(operation: Operation, error: PlatformError, workflow: Workflow) -> bool:
    """What the request names does not exist; an unknown path says nothing about that."""
    return error.status_of_thing == 404 and operation.step in workflow.field_by_step


def _code_of(operation: Operation, error: PlatformError, workflow: Workflow) -> str:
    """Our own code where the caller can correct the request, else the platform failure's."""
    if isinstance(error, TokenRefused):
        return error.code
    if error.status_of_thing == 409:
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
    """The default transition after a failed call."""
    operation.in_doubt |= request.acts and error.acted
    problem = problem_of(operation, error, workflow)
    if was_never_sent(error):
        operation.tries -= 1  # it was never sent, so this was no attempt
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
    """The probe failed too: retry it, or end with what the step had met. If that was a refusal
    before which nothing can have been done, it is as definite as without a probe."""
    if error.worth_retrying and operation.tries < 2 * settings.tries_max:
        rest_s = _rest_s(operation, error, settings, rng)
        return Transition(wake_ms=now_ms + int(rest_s * 1000), problem=operation.problem)
    found = problem_of(operation, error, workflow)
    if operation.problem is None:
        return Transition(status="uncertain", problem=as_uncertain(found))
    problem = _both(operation.problem, found)
    if operation.in_doubt:
        return Transition(status="uncertain", problem=as_uncertain(problem))
    return Transition(status="failed", problem=problem)


def _both(problem: dict[str, Any], probe: dict[str, Any]) -> dict[str, Any]:
    """A failure, in its words those of the look-up that was to say what became of it, and its
    advice; a missing scope of either."""
    correlation_id = probe.get("correlation_id")
    named = f" (correlation id {correlation_id})" if correlation_id else ""
    looked_up = f"looking it up failed too: {without_remedy(probe)['message']}{named}"
    scopes: dict[str, Any] = {
        name: probe[name] for name in ("missing_scope", "scopes") if name in probe
    }
    return with_remedy(
        {**scopes, **problem, "message": f"{without_remedy(problem)['message']}; {looked_up}"},
        problem.get("remedy", ""),
    )


def _rest_s(
    operation: Operation, error: PlatformError, settings: OperationsSettings, rng: Random
) -> float:
    """Our own backoff, or the platform's Retry-After where that is longer, capped."""
    asked_s = min(error.retry_after_s or 0.0, settings.retry_after_max_s)
    return max(settings.backoff().delay_s(max(0, operation.tries - 1), rng), asked_s)


def was_never_sent(error: PlatformError) -> bool:
    """Our own request budget held it back from the first attempt on, which says nothing about the
    platform."""
    return isinstance(error, BudgetSpent) and error.attempts == 0


def is_key_expired(operation: Operation, settings: OperationsSettings, now_ms: int) -> bool:
    """The platform no longer remembers the idempotency key of the first attempt: using it again
    could do the work twice."""
    return (
        operation.first_try_ms > 0
        and now_ms - operation.first_try_ms >= settings.keys_remembered_s * 1000
    )


def problem_details(operation: Operation, problem: dict[str, Any] | None) -> dict[str, Any]:
    """What the audit keeps of a problem: codes, fields, the missing scope, and the words, without
    what they quote of what a guest was told."""
    names = {
        "code": "error_code",
        "cause": "error_cause",
        "status": "error_status",
        "platform_code": "platform_code",
    }
    names |= {
        "correlation_id": "correlation_id",
        "missing_scope": "missing_scope",
        "scopes": "scopes",
    }
    found = {name: problem[key] for key, name in names.items() if problem and key in problem}
    if problem and "message" in problem:
        found["error_message"] = without_texts(problem["message"], operation.request)
    if problem and "errors" in problem:
        found["errors"] = [
            {name: without_texts(value, operation.request) for name, value in item.items()}
            for item in problem["errors"]
        ]
    return found
