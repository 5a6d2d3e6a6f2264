"""The emulator's world behind connections in memory: delays, resets, half-open connections,
partitions, throttling; from one seed.

Within one connection and direction frames keep their order, as TCP keeps it. What is lost is lost
with its connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from urllib.parse import parse_qs, urlsplit

import orjson

from guestd.emulator import EmulatorSettings
from guestd.emulator.core import agent_runner, frames
from guestd.emulator.core.records import CloseConnection, SendFrame, StartTimer
from guestd.emulator.core.world import World
from guestd.emulator.guest_api.actions import receive_guest_frame
from guestd.emulator.settings import EmulatorLimits
from guestd.model.endings import Cause, Ending
from guestd.model.errors import DialError, PlatformUnavailable
from guestd.model.ports import HistoryAnswer


@dataclass
class Weather:
    """Chances per frame, per dial, per history read; zero is fair weather."""

    reset: float = 0.0
    half_open: float = 0.0
    dial_fails: float = 0.0
    history_fails: float = 0.0
    history_empty: float = 0.0
    throttle: float = 0.0
    garbage: float = 0.0
    duplicate: float = 0.0
    repeat: float = 0.0  # any old frame of this connection comes again
    delay_s: float = 0.02
    partitioned: bool = False


class Platform:
    """The far side. One world over all lives of the daemon."""

    def __init__(self, loop, seed: int) -> None:
        self.loop = loop
        self.rng = Random(f"{seed} platform")
        self.weather = Weather()
        agent = {"default": [{"say": "one: {text}"}, {"wait_s": 0.2}, {"say": "two: {text}"}]}
        self.world = World(EmulatorSettings(seed=seed, agent=agent, limits=EmulatorLimits().off()))
        self.connections: dict[int, PlatformConnection] = {}
        self.dials: list[float] = []
        self.history_answer_s_max = 0.0  # may exceed the life of its connection

    def now(self) -> float:
        return self.loop.epoch_ms() / 1000.0

    def perform(self, effects) -> None:
        for effect in effects:
            if isinstance(effect, SendFrame):
                connection = self.connections.get(effect.connection)
                if connection is not None:
                    connection.deliver(effect.payload, is_conversation=effect.message is not None)
            elif isinstance(effect, StartTimer):
                self.loop.call_later(effect.delay_s, self._appointment, effect.what)
            elif isinstance(effect, CloseConnection) and effect.connection in self.connections:
                self.connections[effect.connection].end(Ending(Cause.CLOSED_BY_PEER, effect.code))

    def _appointment(self, what) -> None:
        if what[0] == "agent":
            self.perform(agent_runner.run_steps(self.world, what[1], self.now()))
        else:
            self.perform(self.world.close_connection(int(what[1])))

    def received(self, connection: PlatformConnection, text: bytes) -> None:
        request = orjson.loads(text)
        if request["action"] == "onMessage" and self.rng.random() < self.weather.throttle:
            connection.deliver(frames.too_many(1, "slow down", request.get("tracingId", "")), False)
            return
        self.perform(receive_guest_frame(self.world, connection.connection_id, text, self.now()))


class PlatformConnection:
    """One connection, as the Connection port on our side and the platform's end."""

    def __init__(self, platform: Platform, sink) -> None:
        self.platform = platform
        self.sink = sink
        deployment = platform.world.settings.deployments[0]
        self.connection_id = platform.world.connect(deployment, platform.now()).id
        platform.connections[self.connection_id] = self
        self.is_open = True
        self.silent = False
        self._sent: list[bytes] = []
        self._up_at = self._down_at = 0.0

    # ---- the Connection port

    def send_text(self, text: bytes) -> None:
        self._up_at = self._carry(self._up_at, self._arrive_up, text)

    def ping(self) -> None:
        self._up_at = self._carry(self._up_at, self._pong)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.end(Ending(Cause.CLOSED_BY_US, code, reason))

    def abort(self) -> None:
        self.end(Ending(Cause.CLOSED_BY_US, 1006))

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def peer(self) -> str:
        return ""

    # ---- the way

    def deliver(self, frame: bytes, is_conversation: bool) -> None:
        weather, rng = self.platform.weather, self.platform.rng
        if is_conversation and rng.random() < weather.garbage:
            frame = frame[: len(frame) // 2]
        elif is_conversation and rng.random() < weather.duplicate:
            self._down_at = self._carry(self._down_at, self._arrive_down, frame)
        self._down_at = self._carry(self._down_at, self._arrive_down, frame)
        if is_conversation and weather.repeat and rng.random() < weather.repeat:
            self._sent.append(frame)
            self._down_at = self._carry(self._down_at, self._arrive_down, rng.choice(self._sent))

    def _carry(self, last_at: float, arrive, *what) -> float:
        platform, rng = self.platform, self.platform.rng
        if not self.is_open or self.silent:
            return last_at
        chance = rng.random()
        if (
            platform.weather.partitioned or chance < platform.weather.half_open
        ):  # TCP loses no bytes and goes on
            self.silent = True
            return last_at
        at = max(last_at, platform.loop.time() + rng.uniform(0.0, platform.weather.delay_s)) + 1e-6
        if chance > 1.0 - platform.weather.reset:
            platform.loop.call_at(at, self.end, Ending(Cause.LOST, 1006))
            return at
        platform.loop.call_at(at, arrive, *what)
        return at

    def _arrive_up(self, text: bytes) -> None:
        if self.is_open and not self.silent:
            self.platform.received(self, text)

    def _arrive_down(self, frame: bytes) -> None:
        if self.is_open and not self.silent:
            self.sink.text_received(frame)

    def _pong(self) -> None:
        if self.is_open and not self.silent:
            self._down_at = self._carry(self._down_at, self.sink.pong_received)

    def end(self, ending: Ending) -> None:
        if self.is_open:
            self.is_open = False
            self.platform.connections.pop(self.connection_id, None)
            self.platform.world.disconnect(self.connection_id)
            self.platform.loop.call_soon(self.sink.connection_ended, ending)


class SimDialer:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def dial(self, target, sink) -> PlatformConnection:
        platform, rng = self.platform, self.platform.rng
        assert parse_qs(urlsplit(target.url).query)["deploymentId"]
        await asyncio.sleep(rng.uniform(0.001, 0.05))
        platform.dials.append(platform.loop.time())
        if platform.weather.partitioned:
            await asyncio.sleep(10.0)
            raise DialError(Ending(Cause.DIAL_TIMEOUT))
        if rng.random() < platform.weather.dial_fails:
            raise DialError(Ending(Cause.UPGRADE_REFUSED, 503, "", 0.5))
        return PlatformConnection(platform, sink)


class SimHistory:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.rng = Random("slow answers")

    async def page(self, jwt: str, page_number: int) -> HistoryAnswer:
        platform, rng = self.platform, self.platform.rng
        await asyncio.sleep(rng.uniform(0.005, 0.1))
        session = platform.world.session_of_jwt(jwt, platform.now())
        if (
            platform.weather.partitioned
            or session is None
            or rng.random() < platform.weather.history_fails
        ):
            raise PlatformUnavailable("the history is away", status=503)
        page = platform.world.history(session, page_number, 25)
        entities = [] if rng.random() < platform.weather.history_empty else page["entities"]
        answer = HistoryAnswer(entities, page_number, page["pageCount"], page["total"])
        if platform.history_answer_s_max:
            await asyncio.sleep(self.rng.uniform(0.0, platform.history_answer_s_max))
        return answer
