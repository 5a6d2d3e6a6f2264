"""The second wall before anything leaves for a file or a receiver: whatever is called like a secret
is taken out.

The first wall is that nobody journals a secret. This one does not know what is in a field, only how
it is named and what it looks like, so it errs on the side of taking out.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from .log import redacted

HIDDEN = "…"
DEPTH_MAX = 16

_SECRET = re.compile(
    r"token|secret|passw|passphrase|authorization|apikey|privatekey|signingkey|accesskey|jwt|cookie|credential|signature|bearer"
)
_FINGERPRINT = re.compile(r"(?:sha256:)?[0-9a-f]{16,64}")
_ALSO_SECRET = frozenset({"key", "keys", "pin", "otp", "uploadurl", "downloadurl"})
_BODIES = frozenset({"text", "html", "body", "caption"})


def without_secrets(value: Any, depth: int = DEPTH_MAX) -> Any:
    """The same shape; secrets are `…`, URLs lose their query, tokens inside texts are taken out."""
    return _walk(value, depth, hash_bodies=False)


def without_bodies(value: Any, depth: int = DEPTH_MAX) -> Any:
    """Without secrets, and what was said only as its hash and length."""
    return _walk(value, depth, hash_bodies=True)


def body_print(text: str) -> dict[str, Any]:
    """What the audit keeps of a text: enough to prove which it was, not to read it."""
    return {
        "sha256": sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "characters": len(text),
    }


def is_secret(name: str) -> bool:
    plain = _plain(name)
    return plain in _ALSO_SECRET or bool(_SECRET.search(plain))


def bare_url(url: str) -> str:
    """Scheme, host and port: a path or a query can be a key."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _walk(value: Any, depth: int, hash_bodies: bool) -> Any:
    if depth == 0:
        return HIDDEN
    if isinstance(value, dict):
        return {
            str(key): _field(str(key), one, depth - 1, hash_bodies) for key, one in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_walk(one, depth - 1, hash_bodies) for one in value]
    return redacted(value) if isinstance(value, str) else value


def _field(name: str, value: Any, depth: int, hash_bodies: bool) -> Any:
    if (
        _plain(name).endswith("fingerprint")
        and isinstance(value, str)
        and _FINGERPRINT.fullmatch(value)
    ):
        return value  # which token it was, for who holds the token; nobody can use it (AUDIT-2)
    if is_secret(name) and value not in (None, ""):
        is_count = isinstance(value, (int, float)) and _plain(name) not in _ALSO_SECRET
        return value if is_count else HIDDEN
    if isinstance(value, str):
        if hash_bodies and name.lower() in _BODIES:
            return body_print(value)
        if "webhook" in name.lower() and "://" in value:
            return bare_url(value)
        if value.startswith(("http://", "https://")):
            return value.split("?", 1)[0]
    return _walk(value, depth, hash_bodies)
