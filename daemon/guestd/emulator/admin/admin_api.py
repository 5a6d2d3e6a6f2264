"""`/__emulator/…` of the platform's REST side: look into its books, and play its people.

GET  queues, contacts, conversations, injections, prompts, events, idempotency, deeds
                            {"entities": […oldest first…], "total": …}, `?limit=` for the newest;
                            `?name=value` for those with that value, such as
                            `deeds?what=contact&key=k1`: every effect is one deed, however often it
                            was asked for
POST queues                 {"id", "name"?, "answer_after_s"?}
POST conversations/{id}/end {}                                       the platform ends it
POST prompts/{id}           {"event": "viewed"|"clicked"|"dismissed"}  the agent does it now
POST guest-keys             a JWKS document: from now on one of these must have signed guest tokens;
                            none: any may
POST tokens/expire          {}                         every OAuth token is invalid from now on
"""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from ...model.numbers import whole_number
from ..platform_api.api import Office
from ..platform_api.guest_keys import BadKey
from ..platform_api.prompts import ACTS
from ..platform_api.queues import Queue
from ..settings import QueueSettings
from .context import AdminContext
from .control import Bad, as_json, body_of, guarded


def office_routes(server: AdminContext) -> list[web.RouteDef]:
    desk = _OfficeControl(server)
    prefix = "/__emulator"
    routes = [web.get(f"{prefix}/{book}", desk.look) for book in server.platform_api.books()]
    routes += [
        web.post(f"{prefix}/queues", desk.add_queue),
        web.post(f"{prefix}/conversations/{{id}}/end", desk.end),
        web.post(f"{prefix}/prompts/{{id}}", desk.act),
        web.post(f"{prefix}/guest-keys", desk.upload_keys),
        web.post(f"{prefix}/tokens/expire", desk.expire_tokens),
    ]
    return [web.RouteDef(one.method, one.path, guarded(one.handler), one.kwargs) for one in routes]


class _OfficeControl:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    @property
    def _office(self) -> Office:
        return self._server.platform_api

    async def look(self, request: web.Request) -> web.Response:
        wanted = dict(request.query)
        limit = whole_number(wanted.pop("limit", "1000"))
        if limit is None:
            raise Bad("limit", "is no whole number")
        entries = self._office.books()[request.path.rpartition("/")[2]](self._server.now())
        found = [
            one
            for one in entries
            if all(str(one.get(name)) == value for name, value in wanted.items())
        ]
        return as_json({"entities": found[-limit:] if limit else [], "total": len(found)})

    async def add_queue(self, request: web.Request) -> web.Response:
        try:
            given = QueueSettings.model_validate(await body_of(request))
        except ValidationError as error:
            first = error.errors()[0]
            raise Bad(".".join(str(part) for part in first["loc"]), first["msg"]) from None
        queue = Queue(given.id, given.name, given.answer_after_s)
        self._office.queues.add(queue)
        return as_json(queue.describe())

    async def end(self, request: web.Request) -> web.Response:
        now = self._server.now()
        found = self._office.conversations.get(request.match_info["id"], now)
        if found is None:
            raise Bad(
                "id", "names no conversation", "GET /__emulator/conversations lists them", 404
            )
        self._office.conversations.end(found, now, "platform")
        return as_json(found.describe(now))

    async def act(self, request: web.Request) -> web.Response:
        prompt = self._office.prompts.get(request.match_info["id"])
        if prompt is None:
            raise Bad("id", "names no prompt", "GET /__emulator/prompts lists them", 404)
        event = (await body_of(request)).get("event")
        if event not in ACTS:
            raise Bad("event", f"{event!r} is unknown", " or ".join(ACTS))
        self._office.prompts.act(prompt, ACTS[event], self._server.now())
        return as_json(prompt.describe(self._server.now()))

    async def upload_keys(self, request: web.Request) -> web.Response:
        try:
            return as_json({"kids": self._office.guest_keys.upload(await body_of(request))})
        except BadKey as bad:
            raise Bad("keys", str(bad), "upload the JWKS document as guestd exports it") from None

    async def expire_tokens(self, request: web.Request) -> web.Response:
        return as_json({"expired": self._office.clients.expire_all()})
