"""The media type of a request's body."""

from __future__ import annotations

import re

from aiohttp import web

#: What a body is taken for that has no media type, or one that does not follow RFC 9110.
UNKNOWN = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def media_type_of(request: web.Request) -> str:
    """In lower case, without its parameters.

    Not aiohttp's `content_type`: that asks the standard library's parser of e-mail headers, which
    raises IndexError where a parameter ends with a star.
    """
    found = request.headers.get("Content-Type", "").partition(";")[0].strip(" \t")
    return found.lower() if _MEDIA_TYPE.fullmatch(found) else UNKNOWN
