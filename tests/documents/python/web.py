"""HTTP as the programs here need it, with the standard library."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

PLATFORM = os.environ.get("PLATFORM", "")
CLIENT, SECRET = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]


def call(
    method: str, url: str, body: Any = None, *, timeout_s: float = 30.0, **headers: str
) -> tuple[int, Any]:
    """Status and JSON. A 429 is waited for and tried again, twice. `idempotency_key` becomes
    `Idempotency-Key`."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    if isinstance(body, dict):
        named.setdefault("Content-Type", "application/json")
    for attempt in range(3):
        request = urllib.request.Request(url, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 429:
                    return error.code, _json(error.read())
                time.sleep(float(error.headers.get("Retry-After") or 2**attempt))
    raise TimeoutError("rate limited three times")


def _json(text: bytes) -> Any:
    return json.loads(text) if text else None


def token(path: str = "/oauth/token", **more: str) -> str:
    """By a form."""
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_secret": SECRET,
        **more,
    }
    status, body = call("POST", PLATFORM + path, urllib.parse.urlencode(form).encode())
    if status != 200:
        raise PermissionError(f"token: {status}")
    return str(body["access_token"])
