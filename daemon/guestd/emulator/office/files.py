"""Files of the legacy dialect (SOCK-6): a presigned place to put one, and the metadata to send with
the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clockwork import draw_hex, draw_uuid
from ..records import Attachment
from . import checks
from .calls import Answer, Call
from .shelves import Shelf

if TYPE_CHECKING:
    from ..world import World

TYPES = ("image/png", "image/jpeg", "application/pdf")
URL_LIFE_S = 600.0


class Files:
    def __init__(self, world: World) -> None:
        self._world = world
        self._files: Shelf[tuple[Attachment, float]] = Shelf(world.settings.records_max)

    def presign(self, call: Call) -> Answer:
        name = checks.text(call.body, "filename", 1023)
        mime = checks.one_of(call.body, "contentType", TYPES)
        size = checks.whole(call.body, "size", 1, self._world.settings.upload_bytes_max)
        rng = self._world.rng
        file = Attachment(draw_uuid(rng), name, mime, size, draw_hex(rng))
        self._files.put(file.id, (file, call.now + URL_LIFE_S))
        url = self._world.upload_url(file)
        metadata = {"id": file.id, "filename": name, "contentType": mime, "size": size, "url": url}
        body = {"uploadUrl": url, "metadata": metadata}
        return Answer(body, made=("file", file.id))

    def named(self, file_id: str) -> Attachment | None:
        found = self._files.get(file_id)
        return found[0] if found is not None else None

    def get(self, file_id: str, secret: str) -> Attachment | None:
        """To be read, by whoever has the link."""
        found = self._files.get(file_id)
        return found[0] if found is not None and found[0].secret == secret else None

    def may_put(self, file_id: str, secret: str, now: float) -> Attachment | None:
        """To be written: once, and only for a while."""
        found = self._files.get(file_id)
        if found is None or found[0].secret != secret or found[0].uploaded or now >= found[1]:
            return None
        return found[0]
