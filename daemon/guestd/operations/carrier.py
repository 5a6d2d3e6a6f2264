"""Carries one operation on: commit the intent, call, commit the outcome, until it rests or is over
(HTTP-2, AUDIT-1).

The one order in which nothing is lost and nothing doubled: the step and its idempotency key are
durable before the call, and what came of it is durable, with its fact in the same commit, before
the next. A crash between the two finds `trying` set, and asks again with the same key; where the
platform has forgotten the key by now, it looks first."""

from __future__ import annotations

from random import Random
from typing import Any

from ..model.errors import NoSuchPath, PlatformError, PlatformUnavailable
from ..model.ports import Clock, PlatformAnswer, PlatformCalls
from ..model.records import OperationEvent
from .kind import Kind, cannot_be_known
from .operation import Ask, Operation, Turn, Unreadable
from .scribe import Scribe
from .setbacks import after_failure, after_fruitless_look, had_no_turn, key_forgotten
from .settings import OperationsSettings

#: A fact before it has its place: action, status, details.
Told = tuple[str, str, dict[str, Any]]


class Carrier:
    def __init__(
        self,
        settings: OperationsSettings,
        kinds: dict[str, Kind],
        platform: PlatformCalls,
        scribe: Scribe,
        clock: Clock,
        rng: Random,
    ) -> None:
        self._settings = settings
        self._kinds = kinds
        self._platform = platform
        self._scribe = scribe
        self._clock = clock
        self._rng = rng
        self.halted = False

    async def carry(self, operation: Operation) -> None:
        """On with it until it rests, is over, or the house stops; between two steps everything is
        durable."""
        kind = self._kinds[operation.kind]
        while not (self.halted or operation.over):
            now_ms = self._clock.epoch_ms()
            if operation.wake_ms > now_ms:
                return
            operation.wake_ms = 0
            if operation.looking:
                await self._look(kind, operation)
                continue
            step = kind.ask(operation, now_ms)
            if isinstance(step, Turn):
                await self.settle(operation, step)
            elif step.acts and operation.doubt and key_forgotten(operation, self._settings, now_ms):
                await self._doubt(kind, operation)
            else:
                await self._try(kind, operation, step)

    async def settle(self, operation: Operation, turn: Turn, *told: Told) -> None:
        """Take the turn, and make it durable with the facts of it."""
        kind = self._kinds[operation.kind]
        _take(operation, turn)
        said = [*told, *turn.facts]
        if operation.over:
            operation.secrets = {}
            if kind.outcome and not any(action == kind.outcome for action, _, _ in said):
                took_ms = self._clock.epoch_ms() - operation.started_ms
                said.append(
                    (kind.outcome, _word(turn), {"latency_ms": took_ms, **_trouble(turn.problem)})
                )
        if not turn.quiet:
            await self.save(operation, *(_fact(kind, operation, *one) for one in said))

    async def save(self, operation: Operation, *facts: OperationEvent) -> None:
        """Make it durable as it stands, and only then let it be seen so."""
        view = operation.view()
        await self._scribe.save(operation.record(), *facts)
        operation.shown = view

    # ------------------------------------------------------------------ one try

    async def _try(self, kind: Kind, operation: Operation, ask: Ask) -> None:
        await self._announce(kind, operation, ask)
        try:
            answer = await self._call(ask)
            turn = kind.answered(operation, answer, self._clock.epoch_ms())
        except PlatformError as error:
            await self._set_back(kind, operation, ask, error)
            return
        except Unreadable as problem:
            await self._set_back(
                kind, operation, ask, PlatformUnavailable(str(problem), acted=True)
            )
            return
        details = {
            "latency_ms": round(answer.latency_ms, 3),
            "correlation_id": answer.correlation_id,
        }
        told = (ask.action, _word(turn), {**_key(ask), **details, **_trouble(turn.problem)})
        await self.settle(operation, turn, *(() if ask.quiet else (told,)))

    async def _announce(self, kind: Kind, operation: Operation, ask: Ask) -> None:
        """What will be tried is durable before it is."""
        operation.status = "running"
        operation.tries += 1
        operation.trying = True
        operation.first_try_ms = operation.first_try_ms or self._clock.epoch_ms()
        if ask.quiet and self._scribe.storage_full:
            # a heart beats on while the disk is full; the worst is a number used again after a
            # crash
            return
        attempt = _fact(
            kind, operation, ask.action, "attempt", {**_key(ask), "try": operation.tries}
        )
        await self.save(operation, *(() if ask.quiet else (attempt,)))

    async def _call(self, ask: Ask) -> PlatformAnswer:
        return await self._platform.call(
            ask.call,
            path=ask.path,
            query=ask.query,
            body=ask.body,
            idempotency_key=ask.key,
            urgency=ask.urgency,
        )

    async def _set_back(
        self, kind: Kind, operation: Operation, ask: Ask, error: PlatformError
    ) -> None:
        now_ms = self._clock.epoch_ms()
        turn = kind.refused(operation, error, now_ms) or after_failure(
            kind, operation, ask, error, self._settings, self._rng, now_ms
        )
        latency_ms = round(error.latency_ms, 3)
        details = {
            **_key(ask),
            "latency_ms": latency_ms,
            **_trouble(turn.problem),
            "final": turn.ends,
        }
        told = (ask.action, _word_of_setback(ask, error, turn), details)
        await self.settle(operation, turn, *(() if ask.quiet or turn.facts else (told,)))

    # ------------------------------------------------------------------ looking

    async def _doubt(self, kind: Kind, operation: Operation) -> None:
        """Too late for the same key: look, or say that it cannot be known."""
        if kind.look(operation) is None:
            problem = cannot_be_known(
                {"code": "key_forgotten", "message": "the outcome came to nobody's ears"}
            )
            await self.settle(operation, Turn(status="uncertain", problem=problem))
        else:
            operation.looking = True

    async def _look(self, kind: Kind, operation: Operation) -> None:
        ask = kind.look(operation)
        assert ask is not None
        operation.tries += 1
        await self.save(operation)
        now_ms = self._clock.epoch_ms()
        try:
            turn = kind.found(operation, await self._call(ask), now_ms)
        except PlatformError as error:
            turn = None
            is_absent = error.status == 404 and not isinstance(error, NoSuchPath)
            if not is_absent or not ask.path:  # of a search, 404 says that there is no such search
                await self.settle(
                    operation,
                    after_fruitless_look(kind, operation, error, self._settings, self._rng, now_ms),
                )
                return
        except Unreadable as problem:
            turn = Turn(status="uncertain", problem=cannot_be_known({"message": str(problem)}))
        if turn is None:
            turn = _not_done(operation)
        await self.settle(operation, turn)


def _take(operation: Operation, turn: Turn) -> None:
    operation.trying = False
    operation.status = turn.status
    if turn.step:
        operation.go_to(turn.step)
    operation.wake_ms = turn.wake_ms
    operation.problem = turn.problem


def _not_done(operation: Operation) -> Turn:
    """Looked, and it is not there: no doubt any more. We had given up, or it was only too late for
    the key."""
    given_up = operation.problem
    operation.looking = operation.doubt = False
    operation.tries = operation.first_try_ms = 0
    return Turn(status="failed", problem=given_up) if given_up else Turn()


# ---------------------------------------------------------------------- facts


def _fact(
    kind: Kind, operation: Operation, action: str, status: str, details: dict[str, Any]
) -> OperationEvent:
    told = {**kind.details(operation), **{key: one for key, one in details.items() if one != ""}}
    if webhook_url := operation.request.get("webhookUrl"):
        told["webhook_url"] = webhook_url
    return OperationEvent(
        0, action, status, operation.operation_id, kind.conversation(operation), told
    )


def _word(turn: Turn) -> str:
    return {"running": "success", "succeeded": "success"}.get(turn.status, turn.status)


def _word_of_setback(ask: Ask, error: PlatformError, turn: Turn) -> str:
    """What became of this one try, whatever becomes of the whole."""
    if turn.ends:
        return _word(turn)
    if had_no_turn(error):
        return "deferred"
    return "uncertain" if ask.acts and error.acted else "failed"


def _key(ask: Ask) -> dict[str, Any]:
    return {"idempotency_key": ask.key}


def _trouble(problem: dict[str, Any] | None) -> dict[str, Any]:
    """Of a problem what an audit keeps: codes, fields, the missing scope. The platform's words go
    as `text`, of which the audit keeps a hash only, unless it is set to keep texts: they may quote
    what a guest has said."""
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
    if problem and "errors" in problem:
        found["errors"] = [_as_text(item) for item in problem["errors"]]
    return found


def _as_text(item: dict[str, str]) -> dict[str, str]:
    return {"text" if name == "message" else name: value for name, value in item.items()}
