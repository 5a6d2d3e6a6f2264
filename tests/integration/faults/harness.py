"""A whole daemon and an emulator for each row of the table, all in one loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import orjson

from guestd.app.config import Config
from guestd.app.daemon import Daemon
from guestd.app.systemd import Notifier
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.emulator.settings import EmulatorLimits
from guestd.observe.metrics import Metrics
from tests.patience import PATIENCE_S

Json = dict[str, Any]
GUEST_TOKEN = "canary-guest-token-0123456789"
CLIENT_SECRET = "canary-client-secret"
_NUMBERS = count(1)

#: How long an answer is waited for where a fault keeps one back. Little else may go on meanwhile:
#: on a busy machine an answer takes seconds.
WITHHELD_S = 5.0


def quick(answer_s: float) -> dict[str, Json]:
    """Pauses so short that a lasting fault is over soon."""
    return {
        "rest": {
            "timeout_s": answer_s,
            "deadline_s": 2 * PATIENCE_S,
            "attempts_max": 1,
            "base_s": 0.01,
            "refused_rest_s": 0.01,
            "requests_per_minute": 1_000_000,
        },
        "operations": {
            "tries_max": 2,
            "rest_base_s": 0.01,
            "rest_jitter_s": 0.01,
            "rest_cap_s": 0.05,
        },
        "attachments": {
            "attempts_max": 2,
            "retry_s": 0.01,
            "stall_timeout_s": answer_s,
            "confirm_timeout_s": answer_s,
        },
        "history": {
            "retry_s": 0.02,
            "attempts_max": 3,
            "reads_per_minute": 1_000_000,
            "timeout_s": answer_s,
        },
        "reconnect": {"base_s": 0.01, "jitter_s": 0.01},
        "inbox": {"hold_initial_ms": 0},
        "simulator": {"port": 0},
    }


@dataclass
class Stack:
    emulator: Emulator
    http: aiohttp.ClientSession
    metrics: Metrics
    told: list[str] = field(default_factory=list)

    def new(self, what: str) -> str:
        return f"{what}-{next(_NUMBERS)}"

    async def ask(
        self, method: str, path: str, body: Json | None = None, **more: Any
    ) -> tuple[int, Json]:
        async with self.http.request(method, path, json=body, **more) as answer:
            text = (await answer.read()).decode()
            self.told.append(text)
            return answer.status, orjson.loads(text)

    def faults(self, *rules: Json) -> None:
        self.emulator.faults.set(list(rules), self.emulator.now())

    def injected(self) -> int:
        return self.emulator.faults.injected.total()

    def delayed(self) -> int:
        return self.metrics.rest_heartbeats.get("delayed", 0)

    def mutations(self, key: str = "", what: str = "") -> int:
        return sum(
            one.key == key and what in ("", one.what)
            for one in self.emulator.platform_api.mutations
        )

    def doubled(self) -> list[tuple[str, str]]:
        """Mutations that happened twice for one idempotency key."""
        counts = Counter(
            (one.what, one.key) for one in self.emulator.platform_api.mutations if one.key
        )
        return [mutation for mutation, times in counts.items() if times > 1]

    async def until(self, condition: Callable[[], Any], timeout_s: float = 60.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def stack(answer_s: float = PATIENCE_S, **sections: Json) -> AsyncIterator[Stack]:
    settings = EmulatorSettings(
        limits=EmulatorLimits().off(),
        agent="silent",
        oauth_clients={"row": CLIENT_SECRET},
        upload_delay_s=0.0,
    )
    async with Emulator(settings) as emulator:
        platform = {
            "guest_socket_url": emulator.ws_url,
            "deployment_id": DEFAULT_DEPLOYMENT_ID,
            "client_id": "row",
            "client_secret": CLIENT_SECRET,
            **sections.pop("platform", {}),
        }
        base = quick(answer_s)
        given = {
            name: {**base.get(name, {}), **sections.get(name, {})} for name in {*base, *sections}
        }
        daemon = Daemon(
            Config.model_validate({**given, "platform": platform}),
            asyncio.get_running_loop(),
            Notifier(),
        )
        try:
            await daemon.start(quiet=True)
            async with aiohttp.ClientSession(daemon.http.url) as http:
                yield Stack(emulator, http, daemon.metrics)
        finally:
            emulator.faults.set([], 0.0)
            await daemon.stop()
