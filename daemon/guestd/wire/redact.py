"""Which fields of a frame never reach a log: who the guest is, what was said, and every key to
anything."""

from __future__ import annotations

from typing import Any

import orjson

HIDDEN = "…"

_SECRET = frozenset(
    {
        "token",
        "jwt",
        "code",
        "refreshToken",
        "resumeToken",
        "sessionJoinToken",
        "access_token",
        "authorization",
        "client_secret",
    }
)
_PRIVATE = frozenset(
    {
        "text",
        "payload",
        "customAttributes",
        "guestInfo",
        "metadata",
        "context",
        "image",
        "nickname",
        "firstName",
        "lastName",
    }
)
_URLS = frozenset({"url", "downloadUrl", "uploadUrl"})


def redact(value: Any, depth_max: int = 16) -> Any:
    """The same shape with secrets, private text and signed URLs taken out; `code` numbers stay,
    `code` strings go."""
    if depth_max == 0:
        return HIDDEN
    if isinstance(value, dict):
        return {key: _field(str(key), inner, depth_max - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [redact(inner, depth_max - 1) for inner in value]
    return value


def redact_frame(frame: bytes) -> str:
    """A frame as one line for a log."""
    try:
        return orjson.dumps(redact(orjson.loads(frame))).decode()
    except (ValueError, TypeError):
        return f"<{len(frame)} bytes that are no JSON>"


def _field(key: str, value: Any, depth_max: int) -> Any:
    if key in _SECRET:
        return value if isinstance(value, int) else HIDDEN
    if key in _PRIVATE:
        return f"<{len(value)}>" if isinstance(value, str) else HIDDEN
    if key in _URLS and isinstance(value, str):
        return value.split("?", 1)[0]
    return redact(value, depth_max)
