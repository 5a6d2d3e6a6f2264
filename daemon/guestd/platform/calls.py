"""The PlatformCalls port over HTTP: one logical call is a token, a turn in the budget, and as many
attempts as the policy allows.

What an error says about the *whole* call matters more than what its last attempt was: if the first
request was lost on the way back and the second is answered 409, the platform may well have acted,
and the error says so (`acted`). A call without an Idempotency-Key that may have reached the
platform is therefore never made twice, unless repeating it does no harm."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ..model.errors import (
    ASK_AGAIN,
    GUEST_TOKEN,
    LOOK_FIRST,
    RATE_LIMITED,
    BudgetSpent,
    NotAuthenticated,
    PayloadRefused,
    PlatformError,
    PlatformUnavailable,
    RateLimited,
)
from ..model.ids import fingerprint
from ..model.overview import BudgetView
from ..model.ports import COMMAND, AttemptFailed, PlatformAnswer, Urgency
from ..model.records import Note, no_note
from ..observe.metrics import Metrics
from ..observe.outcomes import kind_of, outcome_of
from ..observe.quoted_texts import without_texts
from ..platform.settings import RestSettings
from ..policy.retry import Outcome
from ..runtime.clock import epoch_ms
from .answers import (
    ERROR_CHARACTERS_MAX,
    HttpReply,
    object_of,
    redacted_line,
    refusal,
    secrets_in,
)
from .clients import OAuthClients
from .guest_token_refusal import guest_tokens_in, of_guest_token, operation_of
from .http import Http
from .oauth import TokenSource
from .pace import Pace
from .table import CALLS, NamedCall

logger = logging.getLogger("guestd.platform")

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(slots=True)
class _Call:
    """One logical call under way. `began` is on the clock that measures, `deadline` on the one that
    waits."""

    row: NamedCall
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    repeatable: bool
    began: float
    deadline: float
    key: str = ""
    guest_tokens: tuple[str, ...] = field(default=(), repr=False)
    urgency: Urgency = COMMAND
    attempt_failed: AttemptFailed | None = None
    attempts: int = 0
    failures: int = 0
    renewed: bool = False
    acted: bool = False
    answered: PlatformUnavailable | None = None  # how the latest attempt that may be repeated ended


class RestCalls:
    """`call` by name. `tokens`: a source for each OAuth client; None or none: no client is
    configured, and every call is refused with what to do. `api` is the base URL without a trailing
    slash."""

    def __init__(
        self,
        http: Http,
        tokens: TokenSource | Sequence[TokenSource] | None,
        api: str,
        rest: RestSettings,
        pace: Pace,
        metrics: Metrics,
        table: Mapping[str, NamedCall] = CALLS,
    ) -> None:
        self._http = http
        sources = [tokens] if isinstance(tokens, TokenSource) else [*(tokens or ())]
        self.clients = OAuthClients(sources, rest.requests_per_minute, pace) if sources else None
        for source in sources:
            source.metrics = metrics
        self._api = api
        self._figures = rest
        self._policy = rest.retry_policy()
        self._pace = pace
        self._metrics = metrics
        self._table = table
        self._note: Note = no_note

    async def call(
        self,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        urgency: Urgency | None = None,
        attempt_failed: AttemptFailed | None = None,
        secrets: Sequence[str] = (),
    ) -> PlatformAnswer:
        """One logical call, its retries included (HTTP-1, HTTP-2, AUTH-3). Raises PlatformRefused
        or PlatformUnavailable."""
        call = self._prepared(self._table[name], path or {}, query or {}, body, idempotency_key)
        call.secrets += tuple(secrets)
        call.urgency = urgency or call.row.urgency
        call.attempt_failed = attempt_failed
        try:
            answer = await self._persist(call)
        except PlatformError as error:
            self._complete(call, error)
            self._complain(call, error)
            raise
        self._count_tokens(call, "accepted_by_platform")
        return answer

    def note_to(self, note: Note) -> None:
        """Who is told of rate limits, and of what becomes of the bearer tokens."""
        self._note = note
        if self.clients is not None:
            self.clients.note_to(note)

    def budgets(self) -> list[BudgetView]:
        """Requests of the last minute, of each OAuth client."""
        used = self.clients.used() if self.clients is not None else []
        return [
            BudgetView(
                f"rest.{n}", count, limit, epoch_ms() + int(frees_s * 1000) if frees_s else 0
            )
            for n, (count, limit, frees_s) in enumerate(used, 1)
        ]

    def requests_per_minute(self) -> float:
        """The budget of all OAuth clients that can be used now."""
        return (
            self.clients.requests_per_minute
            if self.clients is not None
            else self._figures.requests_per_minute
        )

    async def close(self) -> None:
        """Stop fetching tokens. The Http is its owner's to close."""
        if self.clients is not None:
            await self.clients.close()

    # ------------------------------------------------------------------ one call

    def _prepared(
        self,
        row: NamedCall,
        path: Mapping[str, str],
        query: Mapping[str, str | int],
        body: Mapping[str, Any] | None,
        key: str,
    ) -> _Call:
        url = self._api + row.fill(path) + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = _checked_key(row.name, key)
        return _Call(
            row,
            url,
            headers,
            json.dumps(dict(body)).encode() if body is not None else None,
            (*secrets_in(body), *(self.clients.secrets() if self.clients is not None else ())),
            row.repeatable or bool(key),
            self._pace.clock(),
            self._pace.now() + self._policy.deadline_s,
            key,
            tuple(dict.fromkeys(guest_tokens_in(body))),
        )

    async def _persist(self, call: _Call) -> PlatformAnswer:
        while True:
            try:
                client, token = await self._turn(call)
            except BudgetSpent as no_turn:
                raise _without_turn(call, no_turn) from None
            try:
                return await self._attempt(call, token)
            except NotAuthenticated as error:
                if call.renewed:
                    raise
                self._renew(call, client, token)
                self._tell_of_attempt(call, error)
            except BudgetSpent as no_time:
                raise _without_turn(call, no_time) from None
            except PlatformUnavailable as error:
                call.answered = error
                self._slow_down(client, error)
                await self._rest(call, error)

    async def _turn(self, call: _Call) -> tuple[int, str]:
        """(client, token). Of the call's time enough is left for an attempt."""
        if self.clients is None:
            raise NotAuthenticated(
                "no OAuth client is configured",
                cause="not_configured",
                remedy="set platform.client_id and platform.client_secret_file",
            )
        attempt_s = min(self._figures.timeout_s, self._policy.deadline_s / 3.0)
        return await self.clients.turn(
            call.deadline, call.deadline - attempt_s, call.urgency, call.key
        )

    def _renew(self, call: _Call, client: int, token: str) -> None:
        """The token was not taken: a new one, once per call (AUTH-3)."""
        assert self.clients is not None
        self.clients.drop(client, token)
        call.renewed = True

    def _slow_down(self, client: int, error: PlatformUnavailable) -> None:
        """A client that is told to wait makes no other request meanwhile."""
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            assert self.clients is not None
            self.clients.rest(client, min(error.retry_after_s, self._policy.retry_after_cap_s))

    async def _rest(self, call: _Call, error: PlatformUnavailable) -> None:
        """Rest before the next attempt, or raise the error again."""
        call.failures += 1
        rest_s = self._policy.next(
            call.failures,
            Outcome.of(error),
            self._pace.now(),
            call.deadline,
            self._pace.rng,
            repeatable=call.repeatable,
            retry_500=call.row.retry_500,
        )
        if rest_s is None:
            if isinstance(error, RateLimited):
                self._tell(call, RATE_LIMITED, error)
            raise error
        self._metrics.count_rest_retry(call.row.name)
        self._tell_of_attempt(call, error)
        await self._pace.sleep(rest_s)

    def _tell_of_attempt(self, call: _Call, error: PlatformError) -> None:
        """One that is made again; the last one is told by what becomes of the call (AUDIT-1)."""
        self._tell(call, "platform.attempt", error)

    def _tell(self, call: _Call, action: str, error: PlatformError) -> None:
        """Tell who made the call, who knows the ids of what it was for; else the audit."""
        error.operation = call.row.name
        if call.attempt_failed is not None:
            call.attempt_failed(action, error)
        else:
            key = {"idempotency_key": call.key} if call.key else {}
            message = {"error_message": str(error)}
            self._note(action, "failed", {**key, **message, **error.attempt_details(action)})

    # ------------------------------------------------------------------ one attempt

    async def _attempt(self, call: _Call, token: str) -> PlatformAnswer:
        timeout_s = min(self._figures.timeout_s, call.deadline - self._pace.now())
        if timeout_s <= 0.0:
            raise BudgetSpent(
                "deadline exceeded before the request was sent",
                cause="budget",
                remedy="try again",
            )
        began = self._pace.clock()
        call.attempts += 1
        try:
            reply = await self._send(call, token, timeout_s)
            body = self._read(call, token, reply)
        except PlatformError as error:
            call.acted |= error.acted
            shown = redacted_line(str(error.args[0]), (*call.secrets, token), ERROR_CHARACTERS_MAX)
            error.args = (shown,)
            latency_s = self._pace.clock() - began
            error.attempts = call.attempts
            error.latency_ms = error.attempt_ms = latency_s * 1000.0
            self._metrics.observe_rest(call.row.name, outcome_of(error), latency_s)
            self._metrics.count_failed_attempt(kind_of(error))
            raise
        now = self._pace.clock()
        self._metrics.observe_rest(call.row.name, "ok", now - began)
        return PlatformAnswer(
            reply.status,
            body,
            latency_ms=(now - call.began) * 1000.0,
            attempts=call.attempts,
            correlation_id=reply.correlation_id,
            attempt_ms=(now - began) * 1000.0,
        )

    async def _send(self, call: _Call, token: str, timeout_s: float) -> HttpReply:
        headers = {**call.headers, "Authorization": f"Bearer {token}"}
        return await self._http.send(
            call.row.verb,
            call.url,
            headers,
            call.body,
            timeout_s=timeout_s,
            secrets=(*call.secrets, token),
        )

    def _read(self, call: _Call, token: str, reply: HttpReply) -> dict[str, Any]:
        if 200 <= reply.status < 300:
            remedy = ASK_AGAIN if call.row.repeatable else LOOK_FIRST
            return object_of(reply, call.row.lists, remedy)
        place = f"{call.row.verb} {call.row.path}"
        error = refusal(reply, call.row.scopes, (*call.secrets, token), place)
        raise of_guest_token(error, is_by_guest=bool(call.guest_tokens) or call.row.by_guest)

    # ------------------------------------------------------------------ what a failure says

    def _complete(self, call: _Call, error: PlatformError) -> None:
        """Tell of the whole call. What only reads cannot have acted."""
        error.operation = call.row.name
        error.acted = call.acted and not call.row.reads
        error.attempts = call.attempts
        error.latency_ms = (self._pace.clock() - call.began) * 1000.0

    def _count_tokens(self, call: _Call, outcome: str) -> None:
        """The platform's verdict on the guest tokens of the call (GUEST-3)."""
        for token in call.guest_tokens:
            self._metrics.count_token_check(outcome, fingerprint(token), operation_of(call.key))

    def _complain(self, call: _Call, error: PlatformError) -> None:
        """One line; the name of the call is in its pattern, so that a flood of one does not hide
        the others."""
        self._metrics.count_platform_error(kind_of(error))
        if error.cause == GUEST_TOKEN:
            self._count_tokens(call, "refused_by_platform")
        logger.warning(
            f"{call.row.name}: %s; %s (%s, status %s, code %s, correlation id %s, key %s,"
            " %d attempts, %.3f ms)",
            without_texts(str(error.args[0]), json.loads(call.body or b"{}")),
            error.remedy or "try again",
            call.url.removeprefix(self._api).partition("?")[0],
            error.status or "none",
            error.platform_code or error.cause or "none",
            error.correlation_id or "none",
            call.key or "none",
            error.attempts,
            error.latency_ms,
        )


def _without_turn(call: _Call, no_turn: BudgetSpent) -> PlatformUnavailable:
    """What a call without a (further) turn failed with: with what the platform answered before, if
    it did (HTTP-3)."""
    error = call.answered
    if error is None:
        return no_turn
    error.args = (f"{error.args[0]} (no further attempt was made: {no_turn.args[0]})",)
    error.retry_after_s = max(error.retry_after_s or 0.0, no_turn.retry_after_s or 0.0) or None
    return error


def _checked_key(name: str, key: str) -> str:
    if not _KEY.fullmatch(key):
        raise PayloadRefused(
            "the idempotency key cannot be sent",
            cause="idempotency_key",
            operation=name,
            remedy="use 1 to 255 visible ASCII characters",
        )
    return key
