"""Files on their way, over all guest sessions: a bounded number of PUTs at once, the rest queued,
each cancelled when it is no longer wanted.

The queue is bounded because each guest session has at most `uploads_per_session_max` uploads under
way. What waits here is the path of a file, never its content."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from ..model.effects import AskPresigned, Upload
from ..model.errors import PlatformError, SpoolError
from ..model.failures import PlatformFailure, failure_of
from ..model.json_values import is_writable
from ..model.ports import PlatformCalls, Uploader
from ..model.records import Note, no_note
from ..model.signals import SlotGranted, SlotRefused
from ..observe.metrics import Metrics
from ..observe.outcomes import outcome_of
from ..runtime.task_pool import TaskPool
from ..session.inputs import PutEnded
from ..session.states import State
from .runner import Runner

logger = logging.getLogger("guestd.supervisor")

PRESIGN = "attachment.presign"
PUT = "attachment.put"
_NO_SLOT = "send the file again; if it stays, tell the platform's support the correlation id"
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
        began = time.perf_counter()
        self._note(PUT, "attempt", _about(runner, effect))
        try:
            ended, outcome, details = await self._put_ended(self._uploader, effect)
        except asyncio.CancelledError:
            gone = {"error_code": "cancelled", "error_message": "the upload is not wanted any more"}
            self._tell_of_put(runner, effect, began, "cancelled", gone)
            raise
        finally:
            self._forget(runner, effect.attachment_id)
        self._tell_of_put(runner, effect, began, outcome, details)
        self._count(ended, effect.size_bytes)
        if runner.machine.state is not State.ENDED:
            runner.feed(ended)

    @staticmethod
    async def _put_ended(
        uploader: Uploader, effect: Upload
    ) -> tuple[PutEnded, str, dict[str, Any]]:
        """How it ended: for the session, for the metrics, for the audit."""
        attachment_id = effect.attachment_id
        try:
            await uploader.put(
                effect.url, effect.headers, effect.content_type, effect.path, effect.size_bytes
            )
        except PlatformError as error:
            failure, wait_s = failure_of(error), error.retry_after_s or 0.0
            ended = PutEnded(
                attachment_id, error.status, str(error), failure=failure, retry_after_s=wait_s
            )
            told = {"error_message": str(error), **error.codes(), **error.limit_details()}
            return ended, outcome_of(error), told
        except SpoolError as error:
            ended = PutEnded(attachment_id, None, str(error), is_file_lost=True)
            lost = {"error_code": error.code, "error_message": str(error)}
            return ended, "file_lost", lost
        return PutEnded(attachment_id), "ok", {}

    def _tell_of_put(
        self, runner: Runner, effect: Upload, began: float, outcome: str, details: dict[str, Any]
    ) -> None:
        """Its latency (HTTP-4), and a line of the audit (AUDIT-1)."""
        latency_s = time.perf_counter() - began
        self._metrics.observe_rest(PUT, outcome, latency_s)
        told = {**_about(runner, effect), "latency_ms": round(latency_s * 1000.0, 3), **details}
        self._note(PUT, "success" if outcome == "ok" else "failed", told)
        if outcome not in ("ok", "cancelled"):
            logger.warning(
                "an upload failed: %s (session %s, command %s, try %d, status %s, code %s,"
                " correlation id %s, %.3f ms)",
                told["error_message"],
                told["session_id"],
                told["command_id"],
                told["try"],
                told.get("error_status", "none"),
                told.get("platform_code") or told.get("error_cause") or "none",
                told.get("correlation_id", "none"),
                told["latency_ms"],
            )

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
        if not ended.problem:
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
        key = effect.key
        about = {**_about(runner, effect), "idempotency_key": key}

        self._note(PRESIGN, "attempt", about)

        def attempt_failed(action: str, error: PlatformError) -> None:
            words = {"error_message": str(error)}
            attempt = error.attempt_details(action)
            self._note(action, "failed", {**about, **words, **attempt})

        try:
            found = await self._calls.call(
                PRESIGN, body=body, idempotency_key=key, attempt_failed=attempt_failed
            )
        except PlatformError as error:
            self._note(PRESIGN, "failed", {**about, **_call_details(error)})
            given = _refusal_of(effect.attachment_id, error)
        else:
            latency_ms, correlation_id = round(found.latency_ms, 3), found.correlation_id
            details = {"latency_ms": latency_ms, "correlation_id": correlation_id}
            given = _slot_of(effect.attachment_id, found.body)
            details = {name: one for name, one in details.items() if one != ""}
            if isinstance(given, SlotRefused):
                self._metrics.count_malformed_answer()
                invalid = {"error_code": "platform_unavailable", "error_cause": "malformed"}
                details |= {**invalid, "error_status": found.status, "error_message": given.reason}
                codes = PlatformFailure("platform_unavailable", found.status, "", correlation_id)
                given.failure = codes
            status = "failed" if isinstance(given, SlotRefused) else "success"
            self._note(PRESIGN, status, {**about, **details})
        if runner.machine.state is not State.ENDED:
            runner.feed(given)


def _about(runner: Runner, effect: Upload | AskPresigned) -> dict[str, Any]:
    """Whose file it is, and which try of it."""
    return {
        "session_id": runner.machine.guest.session_id,
        "command_id": effect.command_id,
        "attachment_id": effect.attachment_id,
        "try": effect.attempt,
    }


def _call_details(error: PlatformError) -> dict[str, Any]:
    latency_ms = round(error.latency_ms, 3)
    words = {"error_message": str(error), "requests": error.attempts}
    return {"latency_ms": latency_ms, **words, **error.codes(), **error.limit_details()}


def _refusal_of(attachment_id: str, error: PlatformError) -> SlotRefused:
    code = error.status if error.status is not None and error.status >= 400 else UNAVAILABLE
    wait_s = error.retry_after_s or 0.0
    return SlotRefused(
        attachment_id, code, str(error), failure=failure_of(error), retry_after_s=wait_s
    )


def _slot_of(attachment_id: str, answer: dict[str, object]) -> SlotGranted | SlotRefused:
    url, metadata, headers = answer.get("uploadUrl"), answer.get("metadata"), answer.get("headers")
    problem = ""
    if not isinstance(url, str) or not url or not isinstance(metadata, dict):
        problem = "the platform's answer holds no uploadUrl and metadata"
    elif not is_writable(metadata):
        problem = "the metadata in the platform's answer cannot be passed on as JSON"
    if problem:
        told = f"{PRESIGN}: {problem}; {_NO_SLOT}"
        return SlotRefused(attachment_id, UNAVAILABLE, told, is_answered=True)
    assert isinstance(url, str) and isinstance(metadata, dict)
    texts = (
        {str(key): one for key, one in headers.items() if isinstance(one, str)}
        if isinstance(headers, dict)
        else {}
    )
    return SlotGranted(attachment_id, url, texts, metadata=metadata)
