"""What the audit is told of a place for a file that is asked for on the guest socket: a line before
it, and its outcome, as of one that is asked for over REST (AUDIT-1)."""

from __future__ import annotations

from typing import Any

from ..model import effects as e
from ..model.commands import Attach
from ..model.failures import PlatformFailure
from .uploads import FileUpload

PRESIGN = "attachment.presign"

LOST = "the connection ended before the platform answered; the place is asked for again"
TOO_FAST = "the platform asks to wait; the place is asked for again"
THROTTLED = PlatformFailure("platform_unavailable", 429)


def note_question(file: Attach, upload: FileUpload, now: float, out: e.Effects) -> None:
    upload.asked_at = now
    out.append(e.Noted(PRESIGN, "attempt", _about(file, upload)))


def note_place(
    file: Attach,
    upload: FileUpload,
    now: float | None,
    out: e.Effects,
    reason: str = "",
    failure: PlatformFailure | None = None,
) -> None:
    """What came of the question, if there is one without an outcome. `now` None: not known.
    `failure`: the codes where no place was given."""
    if upload.asked_at is None:
        return
    told = _about(file, upload)
    if now is not None:
        told["latency_ms"] = round((now - upload.asked_at) * 1000.0, 3)
    upload.asked_at = None
    if failure is None:
        out.append(e.Noted(PRESIGN, "success", told))
        return
    codes = {
        "error_code": failure.code,
        "error_message": reason,
        "error_status": failure.status,
        "platform_code": failure.platform_code,
        "correlation_id": failure.correlation_id,
    }
    told |= {name: one for name, one in codes.items() if one}
    out.append(e.Noted(PRESIGN, "failed", told))


def _about(file: Attach, upload: FileUpload) -> dict[str, Any]:
    return {
        "command_id": file.command_id,
        "attachment_id": upload.attachment_id,
        "try": upload.attempts,
        "tracing_id": upload.trace,
    }
