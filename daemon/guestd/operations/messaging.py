"""A messaging session over REST: opened, kept alive by heartbeats, disconnected (SESS-1 … 6).

    open ──> beat ⟲ ──> leave ──> over

Between two heartbeats it rests as a few values and one deadline in the shared timer wheel. It has
ended, and its watchers are told, when its heartbeats stop; telling the platform is the last step
and may take longer. The conversation's id is ours, drawn before the first attempt, so that it can
be probed when in doubt. Each heartbeat's sequence number is durable before it is sent, so that none
is used twice across a restart; its answer is committed too, so that none is left out of the count
at the end. The next is due an interval after that one was sent, and never before its answer: a slow
platform is not called twice at once for one session. Where the request budget is too small for the
heartbeats of all sessions, all intervals grow by the same factor (`policy/stretch.py`); a heartbeat
that is still held back is delayed, and does not count as a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Self

from ..model.errors import CommandError, PlatformError, RateLimited
from ..model.ids import fingerprint
from ..model.ports import PlatformAnswer, Urgency
from ..model.times import iso_of_ms
from ..observe.metrics import Metrics
from ..observe.redaction import is_long_enough
from ..policy.stretch import Stretch
from .failure_policy import problem_details, problem_of, was_never_sent
from .operation import Operation, PlatformRequest, Transition
from .requests import MessagingRequest, WorkflowRequest
from .settings import OperationsSettings
from .workflow import Workflow, WorkflowContext, failed, id_of, succeeded

#: How long an opening or a heartbeat yields to other calls when the request budget is short.
OPENING_PATIENCE_S = 10.0
HEARTBEAT_PATIENCE = 0.5  # share of the rest before it; 0 after a delay
STRETCH_STEP = 1.01  # a smaller increase is not worth another rest

# a heartbeat is up to a tenth of its interval early, so that they do not all come at once
JITTER = 0.1


class MessagingWorkflow(Workflow):
    kind = "messaging"
    request_model = MessagingRequest
    path, noun = "messaging-sessions", "MessagingSession"
    summary = "Open a messaging session"
    ending = "End it"
    field_by_step: Mapping[str, str] = {"open": "queueId"}

    def __init__(
        self,
        settings: OperationsSettings,
        metrics: Metrics,
        rng: Random,
        draw_id: Callable[[], str],
        stretch: Stretch,
    ) -> None:
        self._settings = settings
        self._stretch = stretch
        self._metrics = metrics
        self._rng = rng
        self._draw_id = draw_id

    @classmethod
    def create(cls, context: WorkflowContext) -> Self:
        stretch = Stretch(context.requests_per_minute)
        settings = context.settings
        return cls(settings, context.metrics, context.rng, context.draw_id, stretch)

    def begin(self, operation: Operation, request: WorkflowRequest) -> None:
        assert isinstance(request, MessagingRequest)
        duration_s = self._duration_s(request)
        token_fingerprint = fingerprint(request.guest_token)
        guest_id = request.guest_id or f"guest-{token_fingerprint.partition(':')[2][:16]}"
        if is_long_enough(request.guest_token) and request.guest_token in guest_id:
            raise CommandError(
                "guestId: must not contain the guest's token; choose another id", field="guestId"
            )
        operation.step = "open"
        operation.secrets = {"guest_token": request.guest_token}
        operation.data = {
            "duration_s": duration_s,
            "token_fingerprint": token_fingerprint,
            "failures": 0,
            "ends_ms": 0,
        }
        operation.data |= {"share": 0.0, "stretch": 1.0}
        operation.result = {
            "conversation_id": self._draw_id(),
            "guest_id": guest_id,
            "queue_id": request.queue_id,
            "heartbeats": 0,
        }

    def _duration_s(self, request: MessagingRequest) -> int:
        longest = self._settings.session_duration_max_s
        duration_s = (
            int(self._settings.session_duration_s)
            if request.duration_s is None
            else request.duration_s
        )
        if duration_s > longest:
            raise CommandError(
                f"durationS: {duration_s} s is too long; a session lasts 1 to {longest:g} s",
                field="durationS",
            )
        return duration_s

    def next_request(self, operation: Operation, now_ms: int) -> PlatformRequest | Transition:
        if operation.step == "open":
            if (
                not operation.in_doubt
                and (never := _too_late_to_open(operation, now_ms)) is not None
            ):
                return never
            return self._open(operation, now_ms)
        if operation.step == "beat" and (reason := self._reason_to_finish_work(operation, now_ms)):
            operation.result["ended"] = reason
            operation.data["ended_ms"] = now_ms
            self._metrics.rest_disconnections += 1
            self._stretch.leave(operation.operation_id)
            return Transition(step="leave", facts=[self._end_of(operation)])
        if operation.step == "beat":
            return self._stretched(operation, now_ms) or self._heartbeat(operation, now_ms)
        body = {"status": "disconnected"}
        path = {"conversationId": operation.result["conversation_id"]}
        return PlatformRequest(
            "conversation.patch",
            "messaging.disconnect",
            path=path,
            body=body,
            key=operation.key("disconnect"),
        )

    def _end_of(self, operation: Operation) -> tuple[str, str, dict[str, Any]]:
        """Its line in the audit; it has failed if its heartbeats have."""
        rate = round(self._metrics.rest_figures()["disconnection_rate"], 4)
        details = {"disconnection_rate": rate, **_succeeded_beats(operation)}
        if operation.result["ended"] != "heartbeats_failed":
            return "messaging.ended", "success", details
        told = problem_details(operation, _problem_of_heartbeats(operation))
        return "messaging.ended", "failed", {**details, **told}

    def _reason_to_finish_work(self, operation: Operation, now_ms: int) -> str:
        if operation.end_asked:
            return "asked"
        if operation.data["failures"] >= self._settings.heartbeat_failures_max:
            return "heartbeats_failed"
        return "duration_reached" if now_ms >= operation.data["ends_ms"] else ""

    def _open(self, operation: Operation, now_ms: int) -> PlatformRequest:
        waited_s = (now_ms - operation.started_ms) / 1000.0
        urgency = Urgency("opening", max(0.0, OPENING_PATIENCE_S - waited_s))
        key = operation.key("conversation")
        return PlatformRequest(
            "conversation.create",
            "messaging.opened",
            body=_opening(operation),
            key=key,
            urgency=urgency,
        )

    def _heartbeat(self, operation: Operation, now_ms: int) -> PlatformRequest:
        operation.result["heartbeats"] += 1
        context = {
            "lastActivityTimestamp": iso_of_ms(now_ms),
            "heartbeatSequence": operation.result["heartbeats"],
        }
        path = {"conversationId": operation.result["conversation_id"]}
        body = {"context": context}
        rested_s = self._interval_s(operation) * self._stretch.factor * operation.data["share"]
        urgency = Urgency("heartbeat", HEARTBEAT_PATIENCE * rested_s)
        return PlatformRequest(
            "conversation.patch",
            "messaging.heartbeat",
            path,
            body=body,
            acts=False,
            quiet=True,
            urgency=urgency,
        )

    def answered(self, operation: Operation, answer: PlatformAnswer, now_ms: int) -> Transition:
        self._metrics.rest_sync_s.observe(answer.latency_ms / 1000.0)
        match operation.step:
            case "open":
                operation.result["conversation_id"] = id_of(answer.body, "conversation")
                return self._opened(operation, now_ms)
            case "beat":
                self._count("success")
                operation.data["failures"] = 0
                operation.data["succeeded"] = operation.data.get("succeeded", 0) + 1
                operation.data["latency_ms"] = (
                    operation.data.get("latency_ms", 0.0) + answer.latency_ms
                )
                sent_ms = now_ms - int(answer.attempt_ms)
                return Transition(wake_ms=self._next_beat(operation, sent_ms))
            case _:
                return self._left(operation, True)

    def _opened(self, operation: Operation, now_ms: int) -> Transition:
        self._metrics.rest_sessions_total += 1
        operation.secrets = {}
        operation.data["ends_ms"] = now_ms + int(operation.data["duration_s"] * 1000)
        self._stretch.join(operation.operation_id, self._interval_s(operation))
        return Transition(
            step="beat", wake_ms=self._beat_in(operation, now_ms, self._rng.uniform(0.0, 1.0))
        )

    def _left(self, operation: Operation, platform_told: bool) -> Transition:
        operation.result["platform_told"] = platform_told
        transition = succeeded()
        if operation.result.get("ended") == "heartbeats_failed":
            transition.problem = _problem_of_heartbeats(operation)
        return transition

    def refused(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition | None:
        if operation.step == "beat":
            return self._missed(operation, error, now_ms)
        if operation.step == "open" and error.status_of_thing == 409:
            operation.probing = True
            operation.in_doubt |= error.acted
            return Transition(problem=problem_of(operation, error, self))
        if operation.step == "leave" and not error.worth_retrying:
            return self._left(operation, error.status_of_thing in (404, 409, 410))
        return None

    def guest_token_refused(self, operation: Operation) -> str:
        """Heartbeats and the goodbye carry none, and are refused for the one of the opening."""
        carries = operation.step == "open" and not operation.probing
        return "" if carries else operation.data["token_fingerprint"]

    def _missed(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition:
        """One that our own budget or the platform's rate limit held back says nothing about the
        conversation."""
        if was_never_sent(error) or isinstance(error, RateLimited):
            return self._delayed(operation, error, now_ms)
        self._count("failed")
        operation.data["failures"] += 1
        operation.data["last_failure"] = problem_of(operation, error, self)
        details: dict[str, Any] = {
            "failures": operation.data["failures"],
            "heartbeatSequence": operation.result["heartbeats"],
        }
        last = operation.data["failures"] >= self._settings.heartbeat_failures_max
        sent_ms = now_ms - int(error.attempt_ms)
        wake_ms = 0 if last else self._next_beat(operation, sent_ms)
        return Transition(
            wake_ms=wake_ms, facts=[("messaging.heartbeat_failed", "failed", details)]
        )

    def _delayed(self, operation: Operation, error: PlatformError, now_ms: int) -> Transition:
        """Again as soon as the budget may allow; an unsent heartbeat has not used its number."""
        self._count("delayed")
        if was_never_sent(error):
            operation.result["heartbeats"] -= 1
        interval_s = self._interval_s(operation)
        rest_s = min(error.retry_after_s or interval_s, interval_s) * self._rng.uniform(
            1.0, 1.0 + JITTER
        )
        operation.data |= {"share": 0.0, "stretch": 1.0}
        return Transition(
            wake_ms=int(min(now_ms + rest_s * 1000, operation.data["ends_ms"])), quiet=True
        )

    def _interval_s(self, operation: Operation) -> float:
        """The session's own interval, before it is stretched."""
        share_s = operation.data["duration_s"] / self._settings.heartbeats_per_duration
        return float(min(self._settings.heartbeat_interval_s, share_s))

    def _next_beat(self, operation: Operation, since_ms: int) -> int:
        """An interval after the latest one was sent."""
        return self._beat_in(operation, since_ms, self._rng.uniform(1.0 - JITTER, 1.0))

    def _beat_in(self, operation: Operation, now_ms: int, share: float) -> int:
        """When to wake for a heartbeat after that share of the stretched interval."""
        if operation.end_asked:
            return 0
        factor = self._stretch.factor
        operation.data |= {"share": share, "stretch": factor}
        rest_s = self._interval_s(operation) * factor * share
        return int(min(now_ms + rest_s * 1000, operation.data["ends_ms"]))

    def _stretched(self, operation: Operation, now_ms: int) -> Transition | None:
        """More sessions were opened while it rested, so it rests for the difference to what the
        interval is now. Only that difference counts: setting the wall clock back has no effect."""
        share, before, factor = (
            operation.data["share"],
            operation.data["stretch"],
            self._stretch.factor,
        )
        if factor <= before * STRETCH_STEP or not share:
            return None
        operation.data["stretch"] = factor
        rest_s = self._interval_s(operation) * (factor - before) * share
        return Transition(
            wake_ms=int(min(now_ms + rest_s * 1000, operation.data["ends_ms"])), quiet=True
        )

    def _count(self, outcome: str) -> None:
        self._metrics.rest_heartbeats[outcome] = self._metrics.rest_heartbeats.get(outcome, 0) + 1

    # ------------------------------------------------------------------ probing

    def probe(self, operation: Operation) -> PlatformRequest | None:
        path = {"conversationId": operation.result["conversation_id"]}
        return PlatformRequest("conversation.get", "messaging.opened", path=path, acts=False)

    def probed(
        self, operation: Operation, answer: PlatformAnswer, now_ms: int
    ) -> Transition | None:
        """It was opened after all; of a disconnection, whether it arrived."""
        id_of(answer.body, "conversation")
        if operation.step == "leave":
            return (
                self._left(operation, True) if answer.body.get("status") == "disconnected" else None
            )
        transition = self._opened(operation, operation.first_try_ms or now_ms)
        transition.facts = [("messaging.opened", "success", {"found": True})]
        return transition

    def is_answered(self, operation: Operation) -> bool:
        """True once it is opened; callers do not wait for its end."""
        return operation.over or operation.step != "open"

    def recovered(self, operation: Operation, now_ms: int) -> None:
        """Spreads the heartbeats after a restart: each waits for a random part of its interval."""
        # counted again, or more sessions would disconnect than were opened
        self._metrics.rest_sessions_total += operation.step != "open"
        if operation.step != "beat":
            return
        self._stretch.join(operation.operation_id, self._interval_s(operation))
        operation.data.setdefault("share", 0.0)
        operation.data.setdefault("stretch", 1.0)
        rests_s = (operation.wake_ms - now_ms) / 1000
        # a longer rest than any is a clock that was set back
        is_due = not 0 < rests_s <= self._interval_s(operation) * operation.data["stretch"]
        if is_due and not operation.end_asked:
            operation.wake_ms = self._beat_in(operation, now_ms, self._rng.uniform(0.0, 1.0))

    def finished(self, operation: Operation) -> None:
        self._stretch.leave(operation.operation_id)

    def end(self, operation: Operation, now_ms: int) -> Transition | None:
        return None

    def ended(self, operation: Operation, now_ms: int) -> tuple[str, dict[str, Any]]:
        """By step: the opening, or the goodbye, since it was begun."""
        if operation.step == "open":
            action, key, began_ms = "messaging.opened", "conversation", operation.started_ms
        else:
            action, key = "messaging.disconnect", "disconnect"
            began_ms = operation.data.get("ended_ms", operation.started_ms)
        return action, {
            "idempotency_key": operation.key(key),
            "latency_ms": now_ms - began_ms,
            "final": True,
        }

    def details(self, operation: Operation) -> dict[str, Any]:
        return {**operation.result, "guest_token_fingerprint": operation.data["token_fingerprint"]}


def _succeeded_beats(operation: Operation) -> dict[str, Any]:
    """One line for all heartbeats that succeeded: a line for each would be most of an audit
    (AUDIT-1)."""
    count = operation.data.get("succeeded", 0)
    found = {"heartbeats_succeeded": count}
    if count:
        found["heartbeat_latency_ms"] = round(operation.data["latency_ms"] / count, 3)
    return found


def _problem_of_heartbeats(operation: Operation) -> dict[str, Any]:
    """Why the session was ended: the last of its heartbeats that failed, with the platform's
    code."""
    last = operation.data.get("last_failure") or {}
    failures = operation.data["failures"]
    names = (
        "status",
        "platform_code",
        "correlation_id",
        "errors",
        "missing_scope",
        "scopes",
        "remedy",
    )
    return {
        "code": "heartbeats_failed",
        "message": f"{failures} heartbeats in a row failed, the last one with:"
        f" {last.get('message', 'no answer')}",
        "cause": last.get("cause") or last.get("code", ""),
        **{name: last[name] for name in names if name in last},
    }


def _too_late_to_open(operation: Operation, now_ms: int) -> Transition | None:
    """A session that was ended before it was opened, or whose time is over already, is not
    opened."""
    if operation.end_asked:
        return failed("given_up", "the session was ended before it was opened")
    if now_ms - operation.started_ms > operation.data["duration_s"] * 1000:
        message = "the session's time passed before it could be opened"
        return failed("expired", message, "open a new one")
    return None


def _opening(operation: Operation) -> dict[str, Any]:
    """SESS-4's body. The token is in the metadata only, never used as an identifier (AUDIT-2)."""
    asked, token = operation.request, operation.secrets["guest_token"]
    return {
        "id": operation.result["conversation_id"],
        "from": {"id": operation.result["guest_id"], "name": asked["name"], "type": "user"},
        "to": [{"id": asked["queueId"], "type": "queue"}],
        "type": "messaging",
        "channelAddress": "web",
        "context": {
            "locale": asked["locale"],
            "capabilities": asked["capabilities"],
            "userAgent": asked["userAgent"],
        },
        "metadata": {
            "sessionDurationLimit": operation.data["duration_s"],
            "guestIdToken": token,
            "initiatedAt": iso_of_ms(operation.started_ms),
        },
    }
