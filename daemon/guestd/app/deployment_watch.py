"""Asks the platform for the deployment's facts until it answers. The daemon runs meanwhile, with
what was known before.

A platform that cannot be reached never ends the daemon. A refusal (an unknown or inactive
deployment, a certificate) ends it only if there is nothing to lose: nothing was ever known of the
deployment, and no guest session exists. Otherwise it is logged, shown, and asked again, for an
administrator may correct it while guest sessions live on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from ..model.errors import PlatformError
from ..model.ports import DeploymentConfig
from ..observe.log import fields
from ..policy.backoff import Backoff

logger = logging.getLogger("guestd.app")

#: A minute at most: a platform that is back is noticed soon, and one request a minute is no
#: load.
PAUSES = Backoff(base_s=1.0, jitter_s=1.0, cap_s=60.0)
#: How often the log repeats that the platform is still away.
REMIND_S = 600.0


class DeploymentWatch:
    """`start` it, wait for `answered`, `stop` it.

    `changed` is told the facts when they are known; `failed` an error that ends the daemon;
    `may_end` says whether a refusal may do so. `tries_max`: for a program that would rather end
    than wait."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[DeploymentConfig]],
        is_known: bool,
        changed: Callable[[DeploymentConfig], None],
        failed: Callable[[Exception], None],
        may_end: Callable[[], bool],
        rng: Random,
        tries_max: int | None = None,
    ) -> None:
        self._ask = ask
        self._changed = changed
        self._failed = failed
        self._may_end = may_end
        self._rng = rng
        self._tries_max = tries_max
        self._task: asyncio.Task[None] | None = None
        self._reminded_at = -float("inf")
        #: Whether facts are known at all, from now or from an earlier start.
        self.is_known = is_known
        #: Whether the platform gave them to this process.
        self.has_answered = False
        #: "" while all is well, else "unreachable" or "refused", and what the last try said.
        self.trouble = self.reason = ""
        #: Set after the first try, whatever came of it, or after the last one where `tries_max`
        #: bounds them.
        self.answered = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="deployment")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await self._until_known()
        except Exception as error:
            self._failed(error)
        finally:
            self.answered.set()

    async def _until_known(self) -> None:
        attempt = 0
        while True:
            try:
                facts = await self._ask()
            except PlatformError as error:
                attempt += 1
                if attempt == self._tries_max or (not error.worth_retrying and self._may_end()):
                    raise
                self._note(error)
                await asyncio.sleep(self._pause_s(error, attempt))
            else:
                self._learn(facts)
                return

    def _pause_s(self, error: PlatformError, attempt: int) -> float:
        """What the platform wants, within our own bound."""
        own_s = PAUSES.delay_s(attempt - 1, self._rng) if error.worth_retrying else PAUSES.cap_s
        return min(max(own_s, error.retry_after_s or 0.0), PAUSES.cap_s)

    def _note(self, error: PlatformError) -> None:
        trouble = "unreachable" if error.worth_retrying else "refused"
        now = asyncio.get_running_loop().time()
        if trouble != self.trouble or now >= self._reminded_at + REMIND_S:
            self._reminded_at = now
            basis = "the facts last known" if self.is_known else "the defaults"
            logger.warning(
                "the deployment cannot be looked up: %s; going on with %s (status %s, correlation"
                " id %s)",
                error,
                basis,
                error.status or "none",
                error.correlation_id or "none",
                extra=fields(event="deployment_unanswered", cause=trouble),
            )
        self.trouble, self.reason = trouble, str(error)
        if self._tries_max is None:
            self.answered.set()

    def _learn(self, facts: DeploymentConfig) -> None:
        if self.trouble:
            logger.warning(
                "the deployment is known again", extra=fields(event="deployment_answered")
            )
        self.is_known = self.has_answered = True
        self.trouble = self.reason = ""
        self._changed(facts)
