"""What every route needs: the platform's error body, the JSON of a request, its URL, the
credentials."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from ..context import ServerContext
from ..core.records import Json
from .calls import PlatformRefusal

NESTING_MAX = 64

_FORMS: dict[str, Callable[[Json], Json]] = {
    "errors": lambda own: {"errors": [own]},
    "details": lambda own: {
        "details": [{"errorCode": own["code"], "fieldName": "body", "entityName": own["message"]}]
    },
    "nested": lambda own: {"body": {"errors": [{"errors": [own]}]}},
}
#: Where the message of an error may stand.
FORMS = ("message", *_FORMS)


def problem(
    status: int,
    code: str,
    message: str,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    form: str = "message",
) -> web.Response:
    """The platform's error body (protocol §4.4), its message in one of the places where clients
    have found it (`FORMS`)."""
    more: Json = {"messageParams": params} if params else {}
    own = {"message": message, "code": code}
    body = {
        **own,
        "status": status,
        "contextId": "emulator",
        "details": [],
        "errors": [{**own, "status": status, **more}],
        **more,
    }
    if form != "message":
        body = {"status": status, **_FORMS[form](own)}
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers=headers
    )


def refused(refusal: PlatformRefusal) -> web.Response:
    return problem(refusal.status, refusal.code, str(refusal), refusal.headers, refusal.params)


def access_denied() -> web.Response:
    """The error of the storage and of the configuration's CDN."""
    return web.Response(
        status=403,
        text="<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        content_type="text/xml",
    )


def to_json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def url_asked(server: ServerContext, request: web.Request) -> str:
    """scheme://host by which this caller knows the emulator."""
    return server.client_url(request.remote, lambda name: request.headers.getall(name, ()))


async def body_of(request: web.Request) -> Json:
    """The JSON object in the request's body, empty without a body. Raises PlatformRefusal."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise PlatformRefusal(413, "request.too.large", "The request body is too large") from None
    if not raw:
        return {}
    try:
        found = orjson.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict) or _is_too_deep(found):
        raise PlatformRefusal(400, "bad.request", "The request body is not a JSON object")
    return found


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(NESTING_MAX):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def bearer(request: web.Request) -> str:
    """The scheme word in any case (§11.1)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None
    return user, secret
