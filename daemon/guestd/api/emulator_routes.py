"""`/__emulator/…` on the daemon's own port: the emulator's admin API, for callers of `/v1`.

It shows what guests say and can break their connections, so it asks for the same token, and answers
this machine only unless it is told otherwise. The emulator's answers, its mistakes included, are
passed on as they are; what is refused here is a problem document."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from ..model.emulator_admin import EmulatorAdmin
from ..observe.metrics import Metrics
from .callers import caller_of
from .control.concurrency import ConcurrencyLimit
from .problems import Problem
from .settings import ApiSettings

PREFIX = "/__emulator"

_PASSED_ON = ("Accept", "Content-Type", "Last-Event-ID")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def is_emulators(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class EmulatorRoutes:
    """`admin` None: the platform is a real one."""

    def __init__(
        self, admin: EmulatorAdmin | None, settings: ApiSettings, metrics: Metrics
    ) -> None:
        self._admin = admin
        self._is_for_all = settings.emulator_beyond_loopback
        self._requests = ConcurrencyLimit(
            settings.requests_max,
            settings.requests_per_address_max,
            metrics,
            "api.requests_max",
            "requests to the emulator are in progress",
        )

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route(method, path, self._pass_on)
            for method in _METHODS
            for path in (PREFIX, f"{PREFIX}/{{tail:.*}}")
        ]

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if not (self._is_for_all or is_local(request)):
            raise Problem(
                403,
                "local_only",
                "the emulator's admin API answers this machine only;"
                " api.emulator_beyond_loopback = true lets others in",
            )
        if self._admin is None:
            raise Problem(
                404,
                "not_configured",
                "this daemon talks to a real platform; leave [platform] out to have an emulator,"
                " or name one in platform.emulator",
            )
        with self._requests.taken(caller_of(request)):
            return await self._answered(self._admin, request)

    async def _answered(self, admin: EmulatorAdmin, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            detail = "a body has at most api.body_bytes_max bytes"
            raise Problem(413, "too_large", detail) from None
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        target = request.rel_url.raw_path_qs  # never the host of an absolute target
        async with admin.ask(request.method, target, headers, body) as found:
            answer = web.StreamResponse(status=found.status, headers=dict(found.headers))
            await answer.prepare(request)
            async for chunk in found.chunks:
                await answer.write(chunk)
            await answer.write_eof()
        return answer


def is_local(request: web.Request) -> bool:
    """By the peer; a Unix socket is this machine's."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if not isinstance(peer, tuple):
        return request.transport is not None
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
