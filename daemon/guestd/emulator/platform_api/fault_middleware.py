"""Faults on REST calls, by the rules of `core/faults.py`.

A fault applies before the handler ran, and then nothing has changed; or after it, and then it has
and the client was not told. A client that retries must be right in both cases, so every fault that
loses an answer exists in both forms."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import wraps
from math import ceil
from typing import Any

from aiohttp import web

from ..core.fault_rules import FaultRule
from .context import PlatformContext
from .http_answers import access_denied, problem
from .tokens import TOKEN_PATHS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NO_ANSWER_S = 120.0  # a call that is never answered is forgotten after this
PIECES = 20
UPLOAD_KINDS = ("upload_refused", "slot_expired", "upload_rejected", "upload_cut")
LOSS_KINDS = ("http_status", "reset", "no_answer")  # these have a before and an after


class FaultMiddleware:
    def __init__(self, server: PlatformContext) -> None:
        self._server = server

    def wrap(self, handler: Any) -> Handler:
        """At most one fault per call."""

        @wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            while self._server.stalls():
                await self._server.stall.over()
            rule = self._pick(request)
            if rule is None:
                found: web.StreamResponse = await handler(request)
                return found
            before = await self._before(rule, request)
            if before is not None:
                return before
            return await self._after(rule, request, await handler(request))

        return guarded

    def _pick(self, request: web.Request) -> FaultRule | None:
        server = self._server
        skipped = [] if request.method == "PUT" else list(UPLOAD_KINDS)
        if request.path not in TOKEN_PATHS:
            skipped.append("slow_token")
        return server.faults.pick(
            "rest", "", server.now(), path=request.path, but=tuple(skipped), method=request.method
        )

    # ------------------------------------------------------------------ around the handler

    async def _before(self, rule: FaultRule, request: web.Request) -> web.StreamResponse | None:
        """The answer instead of the handler's; None lets the handler run."""
        if rule.kind in ("slow_rest", "slow_token"):
            await asyncio.sleep(rule.ms / 1000.0)
        elif rule.kind == "expired_tokens":
            self._server.platform_api.clients.expire_all()
        elif rule.kind in UPLOAD_KINDS:
            return await self._fail_upload(rule.kind, request)
        elif rule.kind in LOSS_KINDS and not self._is_after(rule):
            return await self._drop_answer(rule, request)
        return None

    async def _fail_upload(self, kind: str, request: web.Request) -> web.StreamResponse | None:
        world, name = self._server.world, request.path.rpartition("/")[2]
        if kind == "upload_rejected":
            world.reject_upload(name)
            return None
        if kind == "upload_cut":
            await request.content.readany()
            return self._close(request, rst=False)
        if kind == "slot_expired":
            world.invalidate_upload_url(name)
        return access_denied()

    def _is_after(self, rule: FaultRule) -> bool:
        if rule.kind == "http_status":
            return rule.when == "after"
        return rule.when == "after" or (
            rule.when == "random" and self._server.faults.random() < 0.5
        )

    async def _after(
        self, rule: FaultRule, request: web.Request, answer: web.StreamResponse
    ) -> web.StreamResponse:
        if rule.kind in LOSS_KINDS:
            return await self._drop_answer(rule, request)
        if rule.kind == "broken_json":
            whole = answer.body if isinstance(answer, web.Response) else b""
            text = bytes(whole) if isinstance(whole, bytes) else b""
            return web.Response(
                body=text[: len(text) // 2] or b"{", content_type="application/json"
            )
        if rule.kind == "slow_body" and isinstance(answer, web.Response):
            return await self._send_slowly(rule, request, answer)
        return answer

    # ------------------------------------------------------------------ the ways an answer is lost

    async def _drop_answer(self, rule: FaultRule, request: web.Request) -> web.StreamResponse:
        if rule.kind == "http_status":
            return self._status(rule)
        if rule.kind == "no_answer":
            await asyncio.sleep(NO_ANSWER_S)
        return self._close(request, rule.how == "rst")

    def _status(self, rule: FaultRule) -> web.Response:
        headers = {}
        if rule.status in (429, 503):
            headers["Retry-After"] = str(rule.retry_after_s)
            if rule.retry_after_form == "date":
                headers["Retry-After"] = formatdate(
                    ceil(self._server.now()) + rule.retry_after_s, usegmt=True
                )
        return problem(
            rule.status, "fault", f"refused by a fault with {rule.status}", headers, form=rule.form
        )

    def _close(self, request: web.Request, rst: bool) -> web.Response:
        """Close without an answer: with a reset, or normally, as a server that stops does."""
        transport = request.transport
        if transport is not None:
            if rst:
                found = transport.get_extra_info("socket")
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
            else:
                transport.close()
        return web.Response()

    async def _send_slowly(
        self, rule: FaultRule, request: web.Request, answer: web.Response
    ) -> web.StreamResponse:
        """The headers at once, the body in pieces over `ms`."""
        body = answer.body if isinstance(answer.body, bytes) else b""
        slow = web.StreamResponse(status=answer.status, headers=answer.headers)
        slow.content_length = len(body)
        await slow.prepare(request)
        step = max(1, ceil(len(body) / PIECES))
        for start in range(0, len(body), step):
            await asyncio.sleep(rule.ms / 1000.0 / PIECES)
            await slow.write(body[start : start + step])
        await slow.write_eof()
        return slow
