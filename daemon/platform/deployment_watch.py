"""What the deployment allows, asked for until the platform answers, and remembered for the next start.

A platform that is away must not keep the daemon down: its guest sessions would end one by one while it waits. It starts with
what was last known, or with the platform's defaults, and goes on asking with a growing, jittered rest.

A *refusal* is believed where nothing is known yet: a first start with a wrong deployment id has to fail. Where the deployment
was seen before, it is said and asked again: an org under maintenance answers 404 as well, and guest sessions live there.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson

from ..model.errors import PlatformError, PlatformRefused
from ..model.ports import DeploymentFacts
from ..policy.backoff import Backoff

logger = logging.getLogger("guestd.platform")

NAME = "deployment.json"

#: The start waits this long for the answer; later ones are awaited in the background.
START_S = 5.0

FIRST_REST_S, REST_S_MAX = 1.0, 60.0

#: An outage of hours is not worth a line each minute.
SAID_AGAIN_S = 600.0


class DeploymentMemory:
    """The facts last seen, in a file beside the journal; `None` for the directory remembers nothing."""

    def __init__(self, directory: Path | None, deployment_id: str) -> None:
        self._path = directory / NAME if directory is not None else None
        self._deployment_id = deployment_id

    def load(self) -> DeploymentFacts | None:
        """None if nothing is known of this deployment, or the file is damaged: then the platform is asked."""
        if self._path is None:
            return None
        try:
            found = orjson.loads(self._path.read_bytes())
            if found["deployment_id"] != self._deployment_id:
                return None
            return _checked(found["facts"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            logger.warning("%s cannot be read; the platform is asked", self._path)
            return None

    def save(self, facts: DeploymentFacts) -> None:
        if self._path is None:
            return
        half = self._path.with_name(f"{NAME}.half")
        body = orjson.dumps({"deployment_id": self._deployment_id, "facts": asdict(facts)})
        try:
            half.write_bytes(body)
            os.chmod(half, 0o600)
            half.rename(self._path)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path, error.strerror or error)


def _checked(given: dict[str, Any]) -> DeploymentFacts:
    """Raises TypeError or ValueError if it is not what `save` wrote."""
    facts = DeploymentFacts(**given)
    flags = (facts.active, facts.auto_start, facts.conversation_clear, facts.user_typing)
    size = facts.file_bytes_max
    if not all(isinstance(flag, bool) for flag in flags) or not (size is None or (isinstance(size, int) and size > 0)):
        raise ValueError("not the facts of a deployment")
    return replace(facts, file_types=tuple(str(one) for one in facts.file_types))


class DeploymentWatch:
    """`ask` is one request: DeploymentFacts, or a PlatformError. `changed` hears what was found after the start.

    `trouble` says why the facts are not fresh, "" while they are. `is_known`: seen once, now or in an earlier life."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[DeploymentFacts]],
        memory: DeploymentMemory,
        changed: Callable[[DeploymentFacts], None],
        rng: Random,
    ) -> None:
        self._ask = ask
        self._memory = memory
        self._changed = changed
        self._rests = Backoff(FIRST_REST_S, FIRST_REST_S, REST_S_MAX)
        self._rng = rng
        self._said_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""
        self.is_known = False

    async def start(self) -> DeploymentFacts:
        """What is known now. Raises PlatformRefused if nothing was known and the platform refuses."""
        known = self._memory.load()
        self.is_known = known is not None
        try:
            async with asyncio.timeout(START_S):
                return self._found(await self._ask())
        except PlatformRefused as error:
            if known is None:
                raise
            self._failed(str(error))
        except PlatformError as error:
            self._failed(str(error))
        except TimeoutError:
            self._failed(f"the platform has not answered for {START_S:.0f} s")
        self._task = asyncio.get_running_loop().create_task(self._go_on(), name="deployment")
        return known or DeploymentFacts()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        for attempt in count():
            await asyncio.sleep(self._rests.delay_s(attempt, self._rng))
            try:
                facts = self._found(await self._ask())
            except PlatformError as error:
                self._failed(str(error))
                continue
            logger.warning("the platform answers again: the deployment is known")
            self._changed(facts)
            return

    def _found(self, facts: DeploymentFacts) -> DeploymentFacts:
        self.trouble, self.is_known = "", True
        self._memory.save(facts)
        return facts

    def _failed(self, why: str) -> None:
        self.trouble = why
        now = asyncio.get_running_loop().time()
        if self._said_at is None or now - self._said_at >= SAID_AGAIN_S:
            self._said_at = now
            known = "what was last known of it holds" if self.is_known else "the platform's defaults hold until then"
            logger.warning("the deployment cannot be asked for: %s; %s, and it is asked again", why, known)
