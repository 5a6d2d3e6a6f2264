"""Files with a presigned URL of the legacy dialect (SOCK-6)."""

from __future__ import annotations

from .records import Attachment
from .stores import BoundedStore


class PresignedFiles:
    """By id. A file is written once, before its upload URL expires; anyone with its URL may read
    it."""

    def __init__(self, files_max: int) -> None:
        self._files: BoundedStore[tuple[Attachment, float]] = BoundedStore(files_max)

    def add(self, file: Attachment, expires: float) -> Attachment | None:
        """Returns the file that had to go, if any."""
        evicted = self._files.put(file.id, (file, expires))
        return evicted[0] if evicted is not None else None

    def named(self, file_id: str) -> Attachment | None:
        found = self._files.get(file_id)
        return found[0] if found is not None else None

    def get(self, file_id: str, secret: str) -> Attachment | None:
        """The file, if `secret` is that of its URL."""
        found = self._files.get(file_id)
        return found[0] if found is not None and found[0].secret == secret else None

    def may_put(self, file_id: str, secret: str, now: float) -> Attachment | None:
        """The file, if it may be uploaded now."""
        found = self._files.get(file_id)
        if found is None or found[0].secret != secret or found[0].uploaded or now >= found[1]:
            return None
        return found[0]
