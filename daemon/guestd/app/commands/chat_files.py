"""Files in a chat: from the disk into a frame, and from a message onto the screen."""

from __future__ import annotations

import base64
import mimetypes
import shlex
from pathlib import Path
from typing import Any

from ...observe.terminal_text import one_line


def file_frame(line: str, frame_bytes_max: int) -> dict[str, Any]:
    """The upload frame (SIM-1) for `/file PATH [caption]`. Raises ValueError with what to tell."""
    try:
        _, name, *caption = shlex.split(line)
    except ValueError:
        raise ValueError("/file PATH [caption]; a path with spaces stands in quotes") from None
    path = Path(name).expanduser()
    try:
        if path.stat().st_size * 4 // 3 + 4096 > frame_bytes_max:
            raise ValueError(f"{path.name} is too large for this way; upload it over HTTP")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    return {
        "action": "upload",
        "filename": path.name,
        "contentType": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "buffer": base64.b64encode(data).decode(),
        "caption": " ".join(caption),
    }


def described(file: dict[str, Any]) -> str:
    """Name, size and type of an attachment, and where it can be had."""
    size = file.get("fileSize")
    known = [
        one_line(str(file.get("filename") or file.get("id") or "?")),
        _readable(size) if isinstance(size, int) else "",
        one_line(str(file.get("mime") or "")),
    ]
    return ", ".join(part for part in known if part) + (
        f"\n          {one_line(str(file['url']))}" if file.get("url") else ""
    )


def _readable(size: int) -> str:
    for unit, width in (("MB", 1_000_000), ("kB", 1000)):
        if size >= width:
            return f"{size / width:.1f} {unit}"
    return f"{size} bytes"
