"""Requests to the admin API: their bodies, their mistakes, their answers."""

from __future__ import annotations

import json

import orjson
from aiohttp import web

from ...model.json_values import fault_in, printable
from ..core.records import Json


class AdminRequestError(Exception):
    """An invalid request to the admin API."""

    def __init__(self, field: str, message: str, remedy: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.field, self.remedy, self.status = field, remedy, status


async def body_of(request: web.Request) -> Json:
    try:
        found = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AdminRequestError("", "the body is not a JSON object", "send one, such as {}")
    if (fault := fault_in(found)) is not None:
        where = printable(".".join(fault.path)) or "the body"
        raise AdminRequestError(
            where, f"{where} {fault.reason}", "send only values that JSON can represent"
        )
    return found


def as_json(body: Json) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
