"""`/__emulator/…` for the platform API: list its resources, and act as agent or administrator."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from ...model.numbers import whole_number
from ..platform_api.api import PlatformApi
from ..platform_api.guest_keys import GuestKeyError
from ..platform_api.prompts import ACTS
from ..platform_api.queues import RoutingQueue
from ..settings import QueueSettings
from .context import AdminContext
from .event_stream import MEDIA_TYPE, EventStreams
from .requests import AdminRequestError, as_json, body_of
from .routes import AdminRoute

_FOLLOWED = (
    "; with `Accept: text/event-stream` what happens in guest sessions, as it happens:"
    " [below](#events)"
)


def platform_admin_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _PlatformAdmin(server)
    routes = [
        AdminRoute(
            "GET",
            name,
            f"All {name}, the oldest first; `?limit=` the newest, `?field=value` with that value"
            + (_FOLLOWED if name == "events" else ""),
            admin.look_or_follow if name == "events" else admin.look,
            query=None,
        )
        for name in server.platform_api.resources()
    ]
    return [
        *routes,
        AdminRoute(
            "POST",
            "queues",
            "One more routing queue",
            admin.add_queue,
            {
                "id": "the queue's id",
                "name": "its name",
                "answer_after_s": "how long a conversation waits in it",
            },
        ),
        AdminRoute(
            "POST", "conversations/{id}/end", "End a conversation as the platform", admin.end
        ),
        AdminRoute(
            "POST",
            "prompts/{id}",
            "Act on a prompt as the agent",
            admin.act,
            {"event": " or ".join(ACTS)},
        ),
        AdminRoute(
            "POST",
            "guest-keys",
            "From now on one of these keys must have signed guest tokens; without keys any may",
            admin.upload_keys,
            None,
            body_example='{"keys": [a JWK, …]}',
        ),
        AdminRoute(
            "POST", "tokens/expire", "Every OAuth token is invalid from now on", admin.expire_tokens
        ),
    ]


class _PlatformAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server
        self._streams = EventStreams(server)

    @property
    def _api(self) -> PlatformApi:
        return self._server.platform_api

    async def look_or_follow(self, request: web.Request) -> web.StreamResponse:
        if MEDIA_TYPE in request.headers.get("Accept", ""):
            return await self._streams.follow(request)
        return await self.look(request)

    async def look(self, request: web.Request) -> web.Response:
        wanted = dict(request.query)
        limit = whole_number(wanted.pop("limit", "1000"))
        if limit is None:
            raise AdminRequestError("limit", "must be a whole number")
        entries = self._api.resources()[request.path.rpartition("/")[2]](self._server.now())
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
            raise AdminRequestError(
                ".".join(str(part) for part in first["loc"]), first["msg"]
            ) from None
        queue = RoutingQueue(given.id, given.name, given.answer_after_s)
        self._api.queues.add(queue)
        return as_json(queue.describe())

    async def end(self, request: web.Request) -> web.Response:
        now = self._server.now()
        found = self._api.conversations.get(request.match_info["id"], now)
        if found is None:
            raise AdminRequestError(
                "id",
                "there is no such conversation",
                "GET /__emulator/conversations lists them",
                404,
            )
        self._api.conversations.end(found, now, "platform")
        return as_json(found.describe(now))

    async def act(self, request: web.Request) -> web.Response:
        prompt = self._api.prompts.get(request.match_info["id"])
        if prompt is None:
            raise AdminRequestError(
                "id", "no such prompt", "GET /__emulator/prompts lists them", 404
            )
        event = (await body_of(request)).get("event")
        if event not in ACTS:
            raise AdminRequestError("event", f"{event!r} is unknown", " or ".join(ACTS))
        self._api.prompts.act(prompt, ACTS[event], self._server.now())
        return as_json(prompt.describe(self._server.now()))

    async def upload_keys(self, request: web.Request) -> web.Response:
        try:
            return as_json({"kids": self._api.guest_keys.upload(await body_of(request))})
        except GuestKeyError as bad:
            raise AdminRequestError(
                "keys", str(bad), "upload the JWKS document as guestd exports it"
            ) from None

    async def expire_tokens(self, request: web.Request) -> web.Response:
        return as_json({"expired": self._api.clients.expire_all()})
