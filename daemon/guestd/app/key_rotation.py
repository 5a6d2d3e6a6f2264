"""Keeps to the schedule of key rotation: publishes the next key in time, and lets it sign when it
is due (GUEST-2)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ..model.errors import ConfigError
from ..model.records import Note
from ..observe.log import fields

if TYPE_CHECKING:
    from ..identity.keys import KeyRing

logger = logging.getLogger("guestd.identity")

#: Between two looks: a published key signs up to so much later than it says.
LOOK_S = 60.0


class KeyRotation:
    """One task. `note` tells the audit."""

    def __init__(self, ring: KeyRing, note: Note, look_s: float = LOOK_S) -> None:
        self._ring = ring
        self._note = note
        self._look_s = look_s
        self._task: asyncio.Task[None] | None = None
        ring.tell_signers_to(self._tell_signer)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="key rotation")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Do what the schedule asks for. A key is drawn in a thread: it takes a tenth of a
        second."""
        try:
            done = await asyncio.to_thread(self._ring.tend)
            ring = self._ring.current(look=True).ring
        except (ConfigError, OSError) as error:
            logger.error(
                "the keys cannot be rotated, and the one before signs on: %s",
                error,
                extra=fields(event="key_rotation_failed"),
            )
            return
        if done == "published" and ring.published is not None:
            logger.info(
                "the key %s is published and will sign; register it with the platform",
                ring.published.kid,
                extra=fields(event="key_published", kid=ring.published.kid),
            )
            self._note("identity.key_published", "success", {"kid": ring.published.kid})

    def _tell_signer(self, before: str, now: str) -> None:
        signs = fields(event="key_signs", kid=now)
        if not before:
            text = "the key %s is the first that signs; register it with the platform"
            logger.info(text, now, extra=signs)
            self._note("identity.key_created", "success", {"kid": now})
            return
        logger.info("the key %s signs from now on", now, extra=signs)
        self._note("identity.key_rotated", "success", {"kid": now, "before": before})
