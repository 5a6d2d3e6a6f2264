"""The OAuth client: one bearer token for all callers, fetched in time (AUTH-1 … AUTH-3).

A token is fetched by a task of its own, so that callers meanwhile wait for the same answer,
and a waiter that is cancelled takes nothing from the others. It is renewed before it expires; if
that fails while the old one is still good, the old one serves on and the next try comes after half
of what is left. A client that was refused is not presented again at once: every waiting session
would ask in turn, and platforms lock clients for less."""

from __future__ import annotations

import asyncio
import base64
import copy
import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from ..model.errors import PlatformError, PlatformRefused, PlatformUnavailable
from ..model.foreign import TOKEN_LIFE_MAX_S
from ..model.records import Note, no_note
from ..observe.metrics import Metrics
from ..observe.outcomes import kind_of, outcome_of
from ..platform.settings import ClientAuth, OAuthClient, RestSettings
from ..policy.retry import Outcome
from .answers import HttpReply, object_of, redacted_line
from .http import Http
from .pace import Pace
from .token_refusal import token_refusal

logger = logging.getLogger("guestd.platform")

OPERATION = "oauth.token"
LIFE_UNSAID_S = 300.0
CHECK_TOKEN_URL = "check platform.token_url"
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(slots=True, frozen=True)
class OAuthAccess:
    """Where a client gets its tokens, and how it authenticates there: in an Authorization header
    (`basic`) or in the form. The grant type goes into the form, unless `token_url` carries it in
    its query already; so does the client's scope."""

    token_url: str
    client: OAuthClient
    client_auth: ClientAuth = "basic"

    @property
    def secret(self) -> str:
        return self.client.secret.get_secret_value()


class TokenSource:
    """`current` gives a bearer token, `drop` says that the platform did not take it. `close` it at
    the end."""

    def __init__(self, http: Http, access: OAuthAccess, rest: RestSettings, pace: Pace) -> None:
        self._http = http
        self.access = access
        self._rest = rest
        self._policy = rest.retry_policy()
        self._pace = pace
        self._token = ""
        self._renew_at = self._expires_at = -math.inf
        self._refused: PlatformError | None = None
        self._refused_until = -math.inf
        self._fetching: asyncio.Task[PlatformError | None] | None = None
        self._fetch_began = 0.0
        self.changed: Callable[[], None] = _nothing
        self.note: Note = no_note
        self.metrics: Metrics | None = None

    @property
    def is_ready(self) -> bool:
        """There is a token that has not expired."""
        return self._pace.now() < self._expires_at

    @property
    def is_refused(self) -> bool:
        """The client was refused a moment ago, and is not presented now."""
        return self._refused is not None and self._pace.now() < self._refused_until

    async def current(self, deadline: float) -> str:
        """A token that is good for a while. Raises NotAuthenticated, PlatformRefused or
        PlatformUnavailable."""
        if self._pace.now() < self._renew_at:
            return self._token
        error = await self._fetched(deadline)
        if self._pace.now() < self._expires_at:
            return self._token
        raise copy.copy(
            error or _late()
        )  # each waiter its own: an exception carries the way it went

    def drop(self, token: str) -> None:
        """Forget this token, if it is still the one we have."""
        if token == self._token and self._expires_at > -math.inf:
            self._renew_at = self._expires_at = -math.inf
            self._say("expired", {"reason": "the platform did not take it"})

    def prepare(self) -> None:
        """See to it that there is a token soon, without waiting for it."""
        if self._pace.now() >= self._renew_at and not self.is_refused:
            self._start()

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return tuple(one for one in (*_known(self.access), self._token) if one)

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    # ------------------------------------------------------------------ one fetch for all

    async def _fetched(self, deadline: float) -> PlatformError | None:
        now = self._pace.now()
        if self.is_refused:
            return self._refused
        task = self._start()
        done, _ = await asyncio.wait({task}, timeout=max(0.0, deadline - now))
        return task.result() if done and not task.cancelled() else None

    def _start(self) -> asyncio.Task[PlatformError | None]:
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch(), name=OPERATION)
            self._fetching.add_done_callback(self._over)
        return self._fetching

    def _over(self, _task: object) -> None:
        self._fetching = None
        self.changed()

    async def _fetch(self) -> PlatformError | None:
        """Fetch a token; the error if there is none. Never raises one: a caller to take it
        may be missing."""
        self._fetch_began = self._pace.clock()
        try:
            await self._persist()
        except PlatformError as error:
            self._fail(error)
            return error
        self._refused = None
        return None

    def _fail(self, error: PlatformError) -> None:
        now = self._pace.now()
        error.operation, error.acted = OPERATION, False
        error.args = (f"no bearer token could be had: {error.args[0]}",)
        if isinstance(error, PlatformRefused):
            self._refused, self._refused_until = error, now + self._rest.refused_rest_s
        if now < self._expires_at:
            self._renew_at = now + (self._expires_at - now) / 2.0
        logger.warning(
            "%s (oauth_client %s, status %s, code %s, correlation id %s)",
            error,
            self.access.client.id,
            error.status or "none",
            error.platform_code or error.cause or "none",
            error.correlation_id or "none",
        )
        word = "refused" if isinstance(error, PlatformRefused) else "unavailable"
        told = {"error_message": str(error), "attempts": error.attempts, **error.codes()}
        self._say(word, {}, {"latency_ms": self._fetch_ms(), **told})

    def _fetch_ms(self) -> float:
        """How long the fetch has taken, its waits and failed attempts in it (HTTP-4)."""
        return round((self._pace.clock() - self._fetch_began) * 1000.0, 3)

    async def _persist(self) -> None:
        deadline = self._pace.now() + self._policy.deadline_s
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(attempt, deadline)
            except PlatformUnavailable as error:
                outcome = Outcome.of(error)
                now = self._pace.now()
                rest_s = self._policy.next(
                    attempt, outcome, now, deadline, self._pace.rng, repeatable=True
                )
                if rest_s is None:
                    raise
                details = {"oauth_client": self.access.client.id, **error.attempt_details()}
                details["error_message"] = str(error)
                self.note("oauth.attempt", "failed", details)
                if self.metrics is not None:
                    self.metrics.count_rest_retry(OPERATION)
                await self._pace.sleep(rest_s)

    async def _attempt(self, attempt: int, deadline: float) -> None:
        """One request, measured (HTTP-4)."""
        began = self._pace.clock()
        word = "network"
        try:
            await self._ask(deadline)
            word = "ok"
        except PlatformError as error:
            error.operation, error.attempts = OPERATION, attempt
            error.args = (redacted_line(str(error.args[0]), self.secrets()),)
            error.latency_ms = (self._pace.clock() - began) * 1000.0
            word = outcome_of(error)
            if self.metrics is not None:
                self.metrics.count_failed_attempt(kind_of(error))
            raise
        finally:
            if self.metrics is not None:
                self.metrics.observe_rest(OPERATION, word, self._pace.clock() - began)

    async def _ask(self, deadline: float) -> None:
        access, asked_at = self.access, self._pace.now()
        headers, body = _request(access)
        timeout_s = max(0.001, min(self._rest.timeout_s, deadline - asked_at))
        try:
            reply = await self._http.send(
                "POST",
                access.token_url,
                headers,
                body,
                timeout_s=timeout_s,
                secrets=self.secrets(),
            )
        except PlatformUnavailable as error:
            if error.status is not None:  # of a success whose body cannot be read
                error.remedy = CHECK_TOKEN_URL
            elif error.cause == "broken":
                error.remedy = f"{CHECK_TOKEN_URL}, and the way there (platform.proxy_url)"
            raise
        if reply.status != 200:
            raise token_refusal(reply, self.secrets())
        self._keep(reply, asked_at)

    def _keep(self, reply: HttpReply, asked_at: float) -> None:
        found = object_of(reply, remedy=CHECK_TOKEN_URL)
        token, life_s = found.get("access_token"), _life_s(found.get("expires_in"))
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or life_s is None:
            raise PlatformUnavailable(
                "the platform's token answer has no access_token, or no life that makes sense",
                status=200,
                cause="malformed",
                correlation_id=reply.correlation_id,
                remedy=CHECK_TOKEN_URL,
            )
        if -math.inf < self._expires_at <= asked_at:
            self._say("expired", {"reason": "its life is over"})
        word = "refreshed" if self._token else "fetched"
        self._token = token
        self._expires_at = asked_at + life_s
        self._say(word, {"life_s": round(life_s)}, {"latency_ms": self._fetch_ms()})
        self._renew_at = self._expires_at - min(self._rest.token_buffer_s, life_s / 2.0)

    def _say(
        self, word: str, details: dict[str, Any], for_audit: dict[str, Any] | None = None
    ) -> None:
        """What became of the token, in the log and in the audit (AUTH-2)."""
        described = {"oauth_client": self.access.client.id, **details}
        is_well = word in ("fetched", "refreshed", "expired")
        if is_well:
            word_said = "has expired" if word == "expired" else f"was {word}"
            why = ", ".join(f"{key} {one}" for key, one in described.items())
            logger.info("the bearer token %s (%s)", word_said, why)
        audited = {**described, **(for_audit or {})}
        self.note(f"oauth.{word}", "success" if is_well else "failed", audited)


def _nothing() -> None:
    """No caller waits for a token."""


def _request(access: OAuthAccess) -> tuple[dict[str, str], bytes]:
    in_query = parse_qs(urlsplit(access.token_url).query)
    form = {} if "grant_type" in in_query else {"grant_type": "client_credentials"}
    if access.client.scope and "scope" not in in_query:
        form["scope"] = access.client.scope
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if access.client_auth == "basic":
        pair = f"{access.client.id}:{access.secret}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    else:
        form |= {"client_id": access.client.id, "client_secret": access.secret}
    return headers, urlencode(form).encode()


def _known(access: OAuthAccess) -> tuple[str, str]:
    """The client's secret, and the pair that basic sends of it."""
    return access.secret, f"{access.client.id}:{access.secret}"


def _life_s(value: Any) -> float | None:
    """A token without a stated life is taken for a short one."""
    if value is None:
        return LIFE_UNSAID_S
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        life_s = float(value)
    except (ValueError, OverflowError):
        return None
    return min(life_s, TOKEN_LIFE_MAX_S) if 0.0 < life_s < math.inf else None


def _late() -> PlatformError:
    return PlatformUnavailable(
        "no bearer token could be had: none came in time",
        cause="timeout",
        operation=OPERATION,
        remedy="try again",
    )
