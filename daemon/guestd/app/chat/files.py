"""Files in a chat: from the disk to guestd, and from a message onto the screen."""

from __future__ import annotations

import base64
import mimetypes
import shlex
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...observe.terminal_text import one_line

#: Up to here a file goes in a frame; a larger one by HTTP, in chunks whose sum is the progress.
FRAME_FILE_BYTES_MAX = 262_144
CHUNK_BYTES = 65_536


@dataclass(slots=True, frozen=True)
class OutgoingFile:
    path: Path
    size_bytes: int
    content_type: str
    caption: str

    @property
    def is_small(self) -> bool:
        return self.size_bytes <= FRAME_FILE_BYTES_MAX

    def frame(self) -> dict[str, Any]:
        """The upload frame (SIM-1). Raises ValueError with what to tell."""
        return {
            "action": "upload",
            "filename": self.path.name,
            "contentType": self.content_type,
            "buffer": base64.b64encode(_read(self.path)).decode(),
            "caption": self.caption,
        }

    async def chunks(self, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
        """Its bytes; `sent` is told how many have gone. A chunk is read faster than one is sent,
        so the loop waits for no disk that anybody would notice."""
        gone = 0
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                gone += len(chunk)
                sent(gone)


def outgoing_file(line: str) -> OutgoingFile:
    """What `/file PATH [caption]` names. Raises ValueError with what to tell."""
    try:
        _, name, *caption = shlex.split(line)
    except ValueError:
        raise ValueError("/file PATH [caption]; a path with spaces stands in quotes") from None
    path = Path(name).expanduser()
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return OutgoingFile(path, size, content_type, " ".join(caption))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def described(file: dict[str, Any]) -> str:
    """Name, size and type of an attachment, and where it can be had."""
    size = file.get("fileSize")
    known = [
        one_line(str(file.get("filename") or file.get("id") or "?")),
        readable_size(size) if isinstance(size, int) else "",
        one_line(str(file.get("mime") or "")),
    ]
    return ", ".join(part for part in known if part) + (
        f"\n          {one_line(str(file['url']))}" if file.get("url") else ""
    )


def readable_size(size: int) -> str:
    for unit, width in (("MB", 1_000_000), ("kB", 1000)):
        if size >= width:
            return f"{size / width:.1f} {unit}"
    return f"{size} bytes"
