"""Idempotency keys (HTTP-2): the same Idempotency-Key gets the same answer for a day, and nothing
is done twice.

Only answers to calls that succeeded are stored: a call that was refused may be valid the next time,
with the same key. The key belongs to its client. The same key with another request is answered with
422, not 409: a 409 means a state that may pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from ..core.records import Json
from ..core.stores import BoundedStore
from .calls import PlatformRefusal, PlatformResponse, wrong

LIFE_S = 86_400.0
KEY_CHARACTERS_MAX = 255


@dataclass(slots=True)
class CachedAnswer:
    client: str
    key: str
    request: bytes
    at: float
    status: int
    body: bytes
    replays: int = 0


class IdempotencyCache:
    def __init__(self, most: int) -> None:
        self._kept: BoundedStore[CachedAnswer] = BoundedStore(most)

    def __iter__(self) -> Iterator[CachedAnswer]:
        return iter(self._kept)

    def get(self, client: str, key: str, request: bytes, now: float) -> PlatformResponse | None:
        """The earlier answer. Raises PlatformRefusal if the key belongs to another request or is
        invalid."""
        if len(key) > KEY_CHARACTERS_MAX:
            raise wrong(
                "Idempotency-Key", f"has {len(key)} characters, the limit is {KEY_CHARACTERS_MAX}"
            )
        kept = self._kept.get(f"{client} {key}")
        if kept is None or now >= kept.at + LIFE_S:
            return None
        if kept.request != request:
            message = "This Idempotency-Key was used with another request"
            raise PlatformRefusal(422, "idempotency.key.reused", message, "Idempotency-Key")
        kept.replays += 1
        return PlatformResponse(
            orjson.loads(kept.body), kept.status, headers={"Idempotent-Replayed": "true"}
        )

    def put(
        self, client: str, key: str, request: bytes, answer: PlatformResponse, now: float
    ) -> None:
        self._kept.pop(f"{client} {key}")
        kept = CachedAnswer(client, key, request, now, answer.status, orjson.dumps(answer.body))
        self._kept.put(f"{client} {key}", kept)


def request_digest(method: str, path: str, body: Json) -> bytes:
    """The fingerprint of a request: two with the same one mean the same."""
    return hashlib.sha256(json.dumps([method, path, body], sort_keys=True).encode()).digest()
