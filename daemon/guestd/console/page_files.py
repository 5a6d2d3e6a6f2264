"""The files of the page, read from the package once, at the first request of one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

INDEX = "index.html"

#: The JavaScript client, which pages of others may load too.
CLIENT = "client.js"
CLIENT_TYPES = "client.d.ts"

#: What is served, by the end of its name; all else in the folder is for developers.
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".d.ts": "text/plain; charset=utf-8",
}


@dataclass(slots=True, frozen=True)
class PageFile:
    """One file. `etag` changes with its bytes."""

    body: bytes
    content_type: str
    etag: str


@cache
def page_files() -> dict[str, PageFile]:
    """Every file that is served, by its path below `page/`, such as `views/guests.js`. A request
    finds its file in here and nowhere else, so no path leads out of the folder."""
    found: dict[str, PageFile] = {}
    _read(files(__package__) / "page", "", found)
    return found


def _read(folder: Traversable, path: str, found: dict[str, PageFile]) -> None:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            _read(entry, f"{path}{entry.name}/", found)
        elif (content_type := _content_type(entry.name)) is not None:
            body = entry.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            found[f"{path}{entry.name}"] = PageFile(body, content_type, etag)


def _content_type(name: str) -> str | None:
    return next((kind for end, kind in CONTENT_TYPES.items() if name.endswith(end)), None)
