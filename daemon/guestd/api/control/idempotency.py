"""The answers to requests with an `Idempotency-Key` that no journal remembers (HTTP-2).

The key of a message, a context, a file or an operation becomes its id, and the journal knows that.
A request without an id of its own (a guest session is opened, a webhook is sent again) is
remembered here: the same key and content gets the same answer again, and waits for it if the first
is still under way; other content is refused. Only successes are remembered, so that a refused
request can be made again with its key. A restart forgets them all; a guest session that was given
no name is still found then, by a name made of key and body (`sessions.py`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson
from aiohttp import web
from pydantic import BaseModel

from ..problems import Problem
from .routes import ApiCall, Route

#: The newest keys; an answer has about half a KiB. A caller repeats within minutes.
KEYS_MAX = 10_000


@dataclass(slots=True)
class RememberedAnswer:
    """`status` 0: not answered yet."""

    content: bytes
    over: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def take(self, answer: web.Response) -> None:
        body = answer.body or b""
        assert isinstance(body, bytes)  # no answer with a key is streamed
        self.status, self.body = answer.status, body
        wanted = ("Content-Type", "Location")
        self.headers = {name: answer.headers[name] for name in wanted if name in answer.headers}

    def again(self) -> web.Response:
        return web.Response(body=self.body or None, status=self.status, headers=self.headers)


class IdempotentAnswers:
    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._kept: OrderedDict[tuple[str, str, str], RememberedAnswer] = OrderedDict()

    async def once(
        self,
        route: Route,
        call: ApiCall[BaseModel | None, BaseModel | None],
        handle: Callable[[], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """The answer of `handle`, or that of the request before with the same key. Raises Problem
        409 if that had other content."""
        slot = (route.method, call.request.path, call.idempotency_key)
        content = digest_of_body(call.body)
        while (known := self._kept.get(slot)) is not None:
            if known.content != content:
                raise _other_content()
            await known.over.wait()
            if known.status:
                return known.again()
        self._kept[slot] = remembered = RememberedAnswer(content)
        if len(self._kept) > self._keys_max:
            self._kept.popitem(last=False)
        try:
            answer = await handle()
            if isinstance(answer, web.Response) and answer.status < 300:
                remembered.take(answer)
            return answer
        finally:
            if not remembered.status and self._kept.get(slot) is remembered:
                del self._kept[slot]
            remembered.over.set()


def digest_of_body(body: BaseModel | None) -> bytes:
    given = body.model_dump(mode="json") if body is not None else None
    return blake2b(orjson.dumps(given, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _other_content() -> Problem:
    return Problem(
        409,
        "conflict",
        "a request with this key and another body was made before; draw a new key",
        field="Idempotency-Key",
    )
