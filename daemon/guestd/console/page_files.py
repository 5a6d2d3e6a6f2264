"""The files of the page, read from the package once, at the first request of one."""

from __future__ import annotations

import hashlib
import re
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


#: What a module says to its readers and to the type checker; no string of a module has the like.
_COMMENT = re.compile(rb"/\*\*.*?\*/ ?|(?:^[ \t]*| )// [^\n]*$", re.DOTALL | re.MULTILINE)
#: Around operators; no text of a module has the like.
_OPERATOR_SPACE = re.compile(rb" (=>|[=!]==|&&|\|\||\?\?) ")
#: In templates too, whose text does not depend on it.
_INDENT = re.compile(rb"^[ \t]+", re.MULTILINE)
_STYLE_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
#: Beside the marks of a style sheet, and after the name of a property; not within a selector. And
#: the last semicolon of a rule.
_STYLE_SPACE = re.compile(rb";? *(}) *| *([{;,]) *|(?<=:) +(?=[^;{}]*[;}])")


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
            body = _served(entry.name, entry.read_bytes())
            etag = hashlib.sha256(body).hexdigest()[:32]
            found[f"{path}{entry.name}"] = PageFile(body, content_type, etag)


def _served(name: str, body: bytes) -> bytes:
    """A module without its comments, its indentation and the spaces around its operators, which
    are more than a quarter of it, and a style sheet without its spaces, which are an eighth; their
    lines keep their numbers."""
    if name.endswith(".css"):
        return _STYLE_SPACE.sub(rb"\1\2", _without(_STYLE_COMMENT, body))
    if not name.endswith(".js") or name.endswith(".min.js"):
        return body
    return _OPERATOR_SPACE.sub(rb"\1", _without(_COMMENT, body))


def _without(comment: re.Pattern[bytes], body: bytes) -> bytes:
    return _INDENT.sub(b"", comment.sub(lambda found: b"\n" * found[0].count(b"\n"), body))


def _content_type(name: str) -> str | None:
    return next((kind for end, kind in CONTENT_TYPES.items() if name.endswith(end)), None)
