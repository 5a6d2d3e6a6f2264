"""The guest's files (protocol §7): a slot to upload to, a fresh link, and taking one back."""

from __future__ import annotations

from ..core import frames
from ..core.ids import draw_hex, draw_uuid
from ..core.records import Attachment, Effect, GuestSession
from ..settings import Deployment
from .request import SocketRequest, text_of

FILE_NAME_MAX = 1024


class AttachmentActions(SocketRequest):
    def _attachment(self) -> list[Effect]:
        session = self._session()
        if isinstance(session, list):
            return session
        attachment_id = text_of(self.request, "attachmentId") or draw_uuid(self.world.rng)
        problem = self._refuse_file(session)
        if problem is not None:
            return self._say(frames.slot_error(attachment_id, *problem, self.trace))
        attachment = Attachment(
            attachment_id,
            text_of(self.request, "fileName"),
            text_of(self.request, "fileType") or "application/octet-stream",
            int(self.request["fileSize"]),
            draw_hex(self.world.rng),
        )
        session.attachments = {**(session.attachments or {}), attachment_id: attachment}
        return self._say(
            frames.upload_slot(attachment, self.world.upload_url(attachment), self.trace)
        )

    def _refuse_file(self, session: GuestSession) -> tuple[int, str] | None:
        request, deployment = self.request, session.deployment
        if not deployment.file_upload:
            return 4000, "File upload is not available"
        name, mime = text_of(request, "fileName"), text_of(request, "fileType")
        return _problem(name, mime, request.get("fileSize"), deployment, deployment.file_types)

    def _known_attachment(self, session: GuestSession) -> Attachment | None:
        return (session.attachments or {}).get(text_of(self.request, "attachmentId"))

    def _refresh(self) -> list[Effect]:
        session = self._session()
        if isinstance(session, list):
            return session
        attachment = self._known_attachment(session)
        if attachment is None or not attachment.uploaded:
            return self._error(4009, "Attachment not found")
        attachment.secret = draw_hex(self.world.rng)
        return self._say(
            frames.download_slot(attachment, self.world.upload_url(attachment), self.trace)
        )

    def _delete(self) -> list[Effect]:
        session = self._session()
        if isinstance(session, list):
            return session
        attachment = self._known_attachment(session)
        if attachment is None or attachment.sent or session.attachments is None:
            return self._error(4009, "Attachment not found")
        del session.attachments[attachment.id]
        self.world.forget_file(attachment.id)
        return self._say(
            frames.push("AttachmentDeletedResponse", {"attachmentId": attachment.id}, self.trace)
        )


def _problem(
    name: str, mime: str, size: object, deployment: Deployment, types: tuple[str, ...]
) -> tuple[int, str] | None:
    stem, dot, extension = name.rpartition(".")
    if len(name) >= FILE_NAME_MAX:
        return 4005, f"File name is longer than {FILE_NAME_MAX - 1} characters"
    if not dot or not extension or not stem or "/" in name:
        return 4004, "File name is invalid: a name with an extension is needed"
    if isinstance(size, bool) or not isinstance(size, int):
        return 4020, "fileSize is missing"
    if size <= 0:
        return 4102, "File is empty"
    if size > deployment.file_kilobytes_max * 1024:
        return 4002, f"File size {size} is larger than {deployment.file_kilobytes_max} KB"
    if f".{extension.lower()}" in deployment.blocked_extensions or not _allowed(mime, types):
        return 4001, f"File type {mime or extension} not supported"
    return None


def _allowed(mime: str, types: tuple[str, ...]) -> bool:
    """`image/png` is allowed by itself, by `image/*` and by `*/*`."""
    return any(
        one in ("*/*", mime) or (one.endswith("/*") and mime.startswith(one[:-1])) for one in types
    )
