"""Files on their way, over all guest sessions: a bounded number of PUTs at once, the rest queued,
each cancelled when it is no longer wanted.

The queue is bounded because each guest session has at most `uploads_per_session_max` uploads under
way. What waits here is the path of a file, never its content."""

from __future__ import annotations

import asyncio
import logging

from ..model.effects import AskPresigned, Upload
from ..model.errors import PlatformError, SpoolError
from ..model.json_values import is_writable
from ..model.ports import PlatformCalls, Uploader
from ..model.records import Note, no_note
from ..model.signals import SlotGranted, SlotRefused
from ..observe.metrics import Metrics
from ..runtime.task_pool import TaskPool
from ..session.inputs import PutEnded
from ..session.states import State
from .runner import Runner

logger = logging.getLogger("guestd.supervisor")

PRESIGN = "attachment.presign"
UNAVAILABLE = 503  # what a question without any answer that can be read counts as


class Uploads:
    def __init__(
        self,
        uploader: Uploader | None,
        calls: PlatformCalls | None,
        metrics: Metrics,
        inflight_max: int,
        note: Note = no_note,
    ) -> None:
        """`note` tells the audit of each slot that was requested over REST."""
        self._uploader = uploader
        self._calls = calls
        self._metrics = metrics
        self._note = note
        self._puts = TaskPool("upload", inflight_max)
        self._questions = TaskPool("presign", inflight_max)
        self._wanted: dict[Runner, dict[str, asyncio.Task[None] | None]] = {}

    def __len__(self) -> int:
        return len(self._puts)

    def begin(self, runner: Runner, effect: Upload) -> None:
        self._wanted.setdefault(runner, {})[effect.attachment_id] = None
        self._puts.run(lambda: self._put(runner, effect))

    def cancel(self, runner: Runner, attachment_id: str) -> None:
        task = self._forget(runner, attachment_id)
        if task is not None:
            task.cancel()

    def cancel_all(self, runner: Runner) -> None:
        for attachment_id in list(self._wanted.get(runner, ())):
            self.cancel(runner, attachment_id)

    def ask(self, runner: Runner, effect: AskPresigned) -> None:
        self._questions.run(lambda: self._ask(runner, effect))

    async def stop(self) -> None:
        await self._puts.stop()
        await self._questions.stop()

    async def _put(self, runner: Runner, effect: Upload) -> None:
        wanted = self._wanted.get(runner, {})
        if effect.attachment_id not in wanted:
            return
        assert self._uploader is not None
        wanted[effect.attachment_id] = asyncio.current_task()
        ended = PutEnded(effect.attachment_id)
        try:
            await self._uploader.put(
                effect.url, effect.headers, effect.content_type, effect.path, effect.size_bytes
            )
        except PlatformError as error:
            ended = PutEnded(effect.attachment_id, error.status, str(error))
        except SpoolError as error:
            ended = PutEnded(effect.attachment_id, None, str(error), is_file_lost=True)
        finally:
            self._forget(runner, effect.attachment_id)
        self._count(ended, effect.size_bytes)
        if runner.machine.state is not State.ENDED:
            runner.feed(ended)

    def _forget(self, runner: Runner, attachment_id: str) -> asyncio.Task[None] | None:
        wanted = self._wanted.get(runner)
        if wanted is None:
            return None
        task = wanted.pop(attachment_id, None)
        if not wanted:
            del self._wanted[runner]
        return task

    def _count(self, ended: PutEnded, size_bytes: int) -> None:
        uploads = self._metrics.uploads
        word = (
            "ok"
            if not ended.problem
            else "file_lost"
            if ended.is_file_lost
            else str(ended.status or "broken")
        )
        uploads[word] = uploads.get(word, 0) + 1
        if ended.problem:
            logger.warning("an upload failed: %s", ended.problem)
        else:
            self._metrics.upload_bytes += size_bytes

    async def _ask(self, runner: Runner, effect: AskPresigned) -> None:
        """SOCK-6: `filename`, `contentType`, `size` → `uploadUrl`, `metadata`."""
        assert self._calls is not None
        given: SlotGranted | SlotRefused
        body = {
            "filename": effect.filename,
            "contentType": effect.content_type,
            "size": effect.size_bytes,
        }
        session_id = runner.machine.guest.session_id
        about = {"session_id": session_id, "attachment_id": effect.attachment_id}

        def attempt_failed(error: PlatformError) -> None:
            self._note("platform.attempt", "failed", {**about, **error.attempt_details()})

        try:
            found = await self._calls.call(PRESIGN, body=body, attempt_failed=attempt_failed)
        except PlatformError as error:
            latency_ms = round(error.latency_ms, 3)
            self._note(PRESIGN, "failed", {**about, "latency_ms": latency_ms, **error.codes()})
            refused = (
                error.status if error.status is not None and error.status >= 400 else UNAVAILABLE
            )
            given = SlotRefused(
                effect.attachment_id, refused, str(error), correlation_id=error.correlation_id
            )
        else:
            latency_ms, correlation_id = round(found.latency_ms, 3), found.correlation_id
            details = {"latency_ms": latency_ms, "correlation_id": correlation_id}
            self._note(PRESIGN, "success", {**about, **details})
            given = _slot_of(effect.attachment_id, found.body)
        if runner.machine.state is not State.ENDED:
            runner.feed(given)


def _slot_of(attachment_id: str, answer: dict[str, object]) -> SlotGranted | SlotRefused:
    url, metadata, headers = answer.get("uploadUrl"), answer.get("metadata"), answer.get("headers")
    if not isinstance(url, str) or not url or not isinstance(metadata, dict):
        return SlotRefused(
            attachment_id, 5000, "the platform's answer holds no uploadUrl and metadata"
        )
    if not is_writable(metadata):
        return SlotRefused(
            attachment_id, 5000, "the metadata in the platform's answer cannot be passed on as JSON"
        )
    texts = (
        {str(key): one for key, one in headers.items() if isinstance(one, str)}
        if isinstance(headers, dict)
        else {}
    )
    return SlotGranted(attachment_id, url, texts, metadata=metadata)
