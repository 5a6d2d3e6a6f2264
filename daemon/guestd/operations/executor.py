"""Runs one operation: commit the intent, call, commit the outcome, until it rests or is over
(HTTP-2, AUDIT-1).

This is the only order in which nothing is lost and nothing done twice: the step and its idempotency
key are durable before the call, and the outcome is durable, with its event in the same commit,
before the next step. A restart after a crash between the two finds `in_flight` set and calls again
with the same key; where the platform has forgotten the key by then, it probes first."""

from __future__ import annotations

from random import Random
from typing import Any

from ..model.errors import GUEST_TOKEN, PlatformError, PlatformUnavailable
from ..model.ports import Clock, PlatformAnswer, PlatformCalls
from ..model.records import OperationEvent
from ..observe.metrics import Metrics
from ..observe.quoted_texts import without_texts
from .event_appender import EventAppender
from .failure_policy import (
    after_failed_probe,
    after_failure,
    is_key_expired,
    problem_details,
    problem_of,
    was_never_sent,
    words_of,
)
from .operation import InvalidPlatformAnswer, Operation, PlatformRequest, Transition
from .settings import OperationsSettings
from .workflow import Workflow, as_uncertain

#: The action of the event of a request that finds out whether a step was done.
PROBE = "platform.probe"

#: An event before it has its seq: action, status, details.
EventDraft = tuple[str, str, dict[str, Any]]


class Executor:
    def __init__(
        self,
        settings: OperationsSettings,
        workflows: dict[str, Workflow],
        platform: PlatformCalls,
        appender: EventAppender,
        clock: Clock,
        rng: Random,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._workflows = workflows
        self._platform = platform
        self._appender = appender
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self.halted = False

    async def run(self, operation: Operation) -> None:
        """Until it rests, is over, or the daemon stops; between two steps everything is durable."""
        workflow = self._workflows[operation.kind]
        while not (self.halted or operation.over):
            now_ms = self._clock.epoch_ms()
            if operation.wake_ms > now_ms:
                return
            operation.wake_ms = 0
            if operation.probing:
                await self._probe(workflow, operation)
                continue
            step = workflow.next_request(operation, now_ms)
            if isinstance(step, Transition):
                await self.settle(operation, step)
            elif (
                step.acts
                and operation.in_doubt
                and is_key_expired(operation, self._settings, now_ms)
            ):
                await self._resolve_doubt(workflow, operation)
            else:
                await self._attempt(workflow, operation, step)

    async def settle(
        self, operation: Operation, transition: Transition, *facts: EventDraft
    ) -> None:
        """Applies the transition, and commits it with its events."""
        workflow = self._workflows[operation.kind]
        _apply(operation, transition)
        events = [*facts, *transition.facts]
        if operation.over:
            operation.secrets = {}
            outcome, details = workflow.ended(operation, self._clock.epoch_ms())
            if not any(action == outcome for action, _, _ in events):
                told = {**details, **problem_details(operation, transition.problem)}
                events.append((outcome, _status_of(transition), told))
        if not transition.quiet:
            await self.save(operation, *(_event(workflow, operation, *one) for one in events))

    async def save(self, operation: Operation, *facts: OperationEvent) -> None:
        """Commits the operation as it stands, and only then makes that visible to callers."""
        view = operation.view()
        await self._appender.save(operation.record(), *facts)
        operation.durable_view = view

    # ------------------------------------------------------------------ one attempt

    async def _attempt(
        self, workflow: Workflow, operation: Operation, request: PlatformRequest
    ) -> None:
        await self._record_attempt(workflow, operation, request)
        try:
            answer = await self._call(workflow, operation, request)
        except PlatformError as error:
            await self._handle_error(workflow, operation, request, error)
            return
        try:
            transition = workflow.answered(operation, answer, self._clock.epoch_ms())
        except InvalidPlatformAnswer as problem:
            invalid = self._invalid(request.call, answer, problem)
            await self._handle_error(workflow, operation, request, invalid)
            return
        if transition.malformed:
            self._metrics.count_malformed_answer()
        _add_answer(transition, answer)
        told = problem_details(operation, _problem_of(transition))
        details = {**_key_detail(request), **_answer_details(answer), **told}
        event = (request.action, _status_of(transition), details)
        if request.quiet and self._appender.storage_full:
            transition.quiet = True
        await self.settle(operation, transition, *(() if request.quiet else (event,)))

    async def _record_attempt(
        self, workflow: Workflow, operation: Operation, request: PlatformRequest
    ) -> None:
        """Commits the attempt before it is made."""
        operation.status = "running"
        operation.tries += 1
        operation.in_flight = True
        operation.first_try_ms = operation.first_try_ms or self._clock.epoch_ms()
        if request.quiet and self._appender.storage_full:
            # heartbeats go on while the disk is full; at worst a crash reuses a sequence number
            return
        attempt = _event(
            workflow,
            operation,
            request.action,
            "attempt",
            {**_key_detail(request), "try": operation.tries},
        )
        await self.save(operation, *(() if request.quiet else (attempt,)))

    async def _call(
        self, workflow: Workflow, operation: Operation, request: PlatformRequest
    ) -> PlatformAnswer:
        def attempt_failed(action: str, error: PlatformError) -> None:
            status = "uncertain" if request.acts and error.acted else "failed"
            words = without_texts(words_of(operation, str(error)), operation.request)
            details = {
                **_key_detail(request),
                "error_message": words,
                **error.attempt_details(action),
            }
            self._appender.append(_event(workflow, operation, action, status, details))

        return await self._platform.call(
            request.call,
            path=request.path,
            query=request.query,
            body=request.body,
            idempotency_key=request.key,
            urgency=request.urgency,
            attempt_failed=attempt_failed,
            secrets=[one for one in (operation.data.get("token_fingerprint"),) if one],
        )

    async def _handle_error(
        self,
        workflow: Workflow,
        operation: Operation,
        request: PlatformRequest,
        error: PlatformError,
    ) -> None:
        now_ms = self._clock.epoch_ms()
        self._count_token(workflow, operation, error)
        transition = workflow.refused(operation, error, now_ms) or after_failure(
            workflow, operation, request, error, self._settings, self._rng, now_ms
        )
        problem = _problem_of(transition) or problem_of(operation, error, workflow)
        told = {
            **_key_detail(request),
            "latency_ms": round(error.latency_ms, 3),
            "attempts": error.attempts,
            **problem_details(operation, problem),
        }
        transition.facts = [
            (action, status, {**told, **details}) for action, status, details in transition.facts
        ]
        status = _status_of_error(request, error, transition)
        event = (request.action, status, {**told, "final": transition.ends})
        await self.settle(
            operation, transition, *(() if request.quiet or transition.facts else (event,))
        )

    def _count_token(self, workflow: Workflow, operation: Operation, error: PlatformError) -> None:
        """The platform's verdict on a guest's token, of a request that did not carry it."""
        token = workflow.guest_token_refused(operation) if error.cause == GUEST_TOKEN else ""
        if token:
            self._metrics.count_token_check("refused_by_platform", token, operation.operation_id)

    def _invalid(
        self, call: str, answer: PlatformAnswer, problem: InvalidPlatformAnswer
    ) -> PlatformUnavailable:
        """An answer that lacks what it must have, as the error of its call."""
        self._metrics.count_malformed_answer()
        error = PlatformUnavailable(
            str(problem),
            status=answer.status,
            cause="malformed",
            correlation_id=answer.correlation_id,
            operation=call,
            acted=True,
        )
        error.attempts, error.latency_ms = answer.attempts, answer.latency_ms
        return error

    # ------------------------------------------------------------------ probing

    async def _resolve_doubt(self, workflow: Workflow, operation: Operation) -> None:
        """Too late for the same key: probe, or end as uncertain."""
        if workflow.probe(operation) is None:
            problem = as_uncertain(
                {"code": "key_forgotten", "message": "the outcome of the request is unknown"}
            )
            await self.settle(operation, Transition(status="uncertain", problem=problem))
        else:
            operation.probing = True

    async def _probe(self, workflow: Workflow, operation: Operation) -> None:
        request = workflow.probe(operation)
        assert request is not None
        operation.tries += 1
        await self.save(operation)
        now_ms = self._clock.epoch_ms()
        try:
            answer = await self._call(workflow, operation, request)
        except PlatformError as error:
            await self._probe_failed(workflow, operation, request, error, now_ms)
            return
        try:
            transition = workflow.probed(operation, answer, now_ms)
        except InvalidPlatformAnswer as problem:
            malformed = self._invalid(request.call, answer, problem)
            await self._probe_failed(workflow, operation, request, malformed, now_ms)
            return
        if transition is not None:
            found = _answer_details(answer)
            transition.facts = [(*one[:2], {**found, **one[2]}) for one in transition.facts]
        fact = (PROBE, "success", {"call": request.call, **_answer_details(answer)})
        await self.settle(operation, transition or _after_negative_probe(operation), fact)

    async def _probe_failed(
        self,
        workflow: Workflow,
        operation: Operation,
        request: PlatformRequest,
        error: PlatformError,
        now_ms: int,
    ) -> None:
        """404 for a search says that the search does not exist."""
        self._count_token(workflow, operation, error)
        is_absent = error.status_of_thing == 404
        details = {
            "call": request.call,
            "latency_ms": round(error.latency_ms, 3),
            "attempts": error.attempts,
            **problem_details(operation, problem_of(operation, error, workflow)),
        }
        if is_absent and request.path:
            transition = _after_negative_probe(operation)
        else:
            transition = after_failed_probe(
                workflow, operation, error, self._settings, self._rng, now_ms
            )
        await self.settle(operation, transition, (PROBE, "failed", details))


def _apply(operation: Operation, transition: Transition) -> None:
    operation.in_flight = False
    operation.status = transition.status
    if transition.step:
        operation.go_to(transition.step)
    operation.wake_ms = transition.wake_ms
    operation.problem = transition.problem


def _after_negative_probe(operation: Operation) -> Transition:
    """It was not done, so nothing is in doubt. Either all attempts had failed, or only the key had
    expired."""
    given_up = operation.problem
    operation.probing = operation.in_doubt = False
    operation.tries = operation.first_try_ms = 0
    return Transition(status="failed", problem=given_up) if given_up else Transition()


def _add_answer(transition: Transition, answer: PlatformAnswer) -> None:
    """What the platform answered to a request whose answer, though a success, ends the operation
    otherwise: without it the problem could not be looked into there (HTTP-3)."""
    if (problem := _problem_of(transition)) is not None:
        told = {"status": answer.status, "correlation_id": answer.correlation_id}
        transition.problem = {**{name: one for name, one in told.items() if one}, **problem}


# ---------------------------------------------------------------------- events


def _event(
    workflow: Workflow, operation: Operation, action: str, status: str, details: dict[str, Any]
) -> OperationEvent:
    found = {
        **workflow.details(operation),
        **{key: one for key, one in details.items() if one != ""},
    }
    if webhook_url := operation.request.get("webhookUrl"):
        found["webhook_url"] = webhook_url
    return OperationEvent(
        0, action, status, operation.operation_id, workflow.conversation_id(operation), found
    )


def _status_of(transition: Transition) -> str:
    return {"running": "success", "succeeded": "success"}.get(transition.status, transition.status)


def _problem_of(transition: Transition) -> dict[str, Any] | None:
    """Of the step; a step that succeeded has none, though the operation may have been ended for
    one."""
    return None if transition.status == "succeeded" else transition.problem


def _status_of_error(request: PlatformRequest, error: PlatformError, transition: Transition) -> str:
    """The status of this one attempt, whatever the operation's will be."""
    if transition.ends and transition.status != "succeeded":
        return _status_of(transition)
    if was_never_sent(error):
        return "deferred"
    return "uncertain" if request.acts and error.acted else "failed"


def _key_detail(request: PlatformRequest) -> dict[str, Any]:
    return {"idempotency_key": request.key}


def _answer_details(answer: PlatformAnswer) -> dict[str, Any]:
    return {"latency_ms": round(answer.latency_ms, 3), "correlation_id": answer.correlation_id}
