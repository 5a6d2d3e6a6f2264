"""Presigned URLs of the legacy dialect (SOCK-6): where to upload a file, and the metadata to send
with the message."""

from __future__ import annotations

from ..core.ids import draw_hex, draw_uuid
from ..core.records import Attachment
from . import checks
from .calls import PlatformCall, PlatformResponse
from .world_view import FileWorld

TYPES = ("image/png", "image/jpeg", "application/pdf")
URL_LIFE_S = 600.0


class WebchatFiles:
    def __init__(self, world: FileWorld) -> None:
        self._world = world

    def presign(self, call: PlatformCall) -> PlatformResponse:
        name = checks.text(call.body, "filename", 1023)
        mime = checks.one_of(call.body, "contentType", TYPES)
        size = checks.whole(call.body, "size", 1, self._world.settings.upload_bytes_max)
        rng = self._world.rng
        file = Attachment(draw_uuid(rng), name, mime, size, draw_hex(rng))
        self._world.files.add(file, call.now + URL_LIFE_S)
        url = self._world.upload_url(file)
        metadata = {"id": file.id, "filename": name, "contentType": mime, "size": size, "url": url}
        body = {"uploadUrl": url, "metadata": metadata}
        return PlatformResponse(body, created=("file", file.id))
