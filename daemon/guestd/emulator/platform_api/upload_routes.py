"""Where files are uploaded and downloaded (protocol §7, SOCK-6), by anyone who has the URL."""

from __future__ import annotations

from aiohttp import web

from ..core import frames
from ..core.ids import iso
from ..core.records import Attachment, GuestSession, Json
from .context import PlatformContext
from .http_answers import access_denied, problem
from .upload_storage import UploadTooLarge


class UploadRoutes:
    def __init__(self, server: PlatformContext) -> None:
        self._server = server
        self._world = server.world

    def routes(self) -> list[web.RouteDef]:
        return [web.put("/__storage/{id}", self.upload), web.get("/__storage/{id}", self.download)]

    def _find(self, attachment_id: str, secret: str) -> tuple[GuestSession, Attachment] | None:
        for session in self._world.sessions.values():
            attachment = (session.attachments or {}).get(attachment_id)
            if attachment is not None and attachment.secret == secret:
                return session, attachment
        return None

    async def upload(self, request: web.Request) -> web.Response:
        """Any Content-Type; `{}` as the answer, for a client that parses it (§7). The event follows
        a little later."""
        server, name, secret = (
            self._server,
            request.match_info["id"],
            request.query.get("sig", ""),
        )
        file = self._world.files.may_put(name, secret, server.now())
        found = self._find(name, secret)
        if file is None and found is None:
            return access_denied()
        mime = request.headers.get("Content-Type", "")
        if file is not None and mime != file.mime:
            return _storage_error(403, "SignatureDoesNotMatch")
        try:
            size, sha256 = await server.storage.store(name, request.content)
        except UploadTooLarge:
            return _storage_error(413, "EntityTooLarge")
        stored = found[1] if found is not None else file
        if stored is not None:
            stored.sha256, stored.content_type = sha256, mime
        if found is not None:
            server.loop.call_later(server.settings.upload_delay_s, self._uploaded, *found, size)
        elif file is not None and size != file.size:
            return _storage_error(400, "IncompleteBody")
        elif file is not None:
            file.uploaded = True
        return web.json_response({})

    def _uploaded(self, session: GuestSession, attachment: Attachment, size: int) -> None:
        time = iso(int(self._server.now() * 1000))
        if attachment.id not in (session.attachments or {}):
            return  # deleted meanwhile
        if size == attachment.size and not attachment.rejected:
            attachment.uploaded = True
            body: Json = {
                "attachmentId": attachment.id,
                "downloadUrl": self._world.upload_url(attachment),
                "timestamp": time,
            }
            frame = frames.push("UploadSuccessEvent", body)
        else:
            text = (
                f"File content does not match: {size} bytes came, {attachment.size} were announced"
            )
            body = {
                "attachmentId": attachment.id,
                "errorCode": 4003,
                "errorMessage": text,
                "timestamp": time,
            }
            frame = frames.push("UploadFailureEvent", body, code=400)
        self._server.perform(self._world.fan_out(session, frame))

    async def download(self, request: web.Request) -> web.StreamResponse:
        name, secret = request.match_info["id"], request.query.get("sig", "")
        found = self._find(name, secret)
        attachment = found[1] if found is not None else self._world.files.get(name, secret)
        path = self._server.storage.path(name)
        if attachment is None or not path.exists():
            return problem(404, "resource.not.found", "No such file, or the link has expired")
        return web.FileResponse(path, headers={"Content-Type": attachment.mime})


def _storage_error(status: int, code: str) -> web.Response:
    return web.Response(
        status=status, text=f"<Error><Code>{code}</Code></Error>", content_type="text/xml"
    )
