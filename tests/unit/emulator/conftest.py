"""The emulated platform without a network: a guest, and the frames it receives."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, EmulatorSettings
from guestd.emulator.core import agent_runner
from guestd.emulator.core.records import CloseConnection, SendFrame, StartTimer
from guestd.emulator.core.world import World
from guestd.emulator.guest_api.actions import receive_guest_frame
from guestd.emulator.webchat.requests import receive_webchat_frame

Json = dict[str, Any]
_TRACES = itertools.count(1)


@dataclass
class Platform:
    """The world and a clock; every frame it ever sent is in `sent`, by connection."""

    world: World
    now: float = 1_800_000_000.0
    sent: dict[int, list[Json]] = field(default_factory=dict)
    later: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    hung_up: list[CloseConnection] = field(default_factory=list)

    def perform(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, SendFrame):
                self.sent.setdefault(effect.connection, []).append(effect.frame)
            elif isinstance(effect, StartTimer):
                self.later.append((self.now + effect.delay_s, effect.what))
            else:
                self.hung_up.append(effect)

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.later and min(self.later)[0] <= until:
            at, what = min(self.later)
            self.later.remove((at, what))
            self.now = max(self.now, at)
            if what[0] == "agent":
                self.perform(agent_runner.run_steps(self.world, what[1], self.now))
            else:
                self.perform(self.world.close_connection(int(what[1])))
        self.now = until

    def guest(self, token: str = "c3a6e0a2-0000-4000-8000-000000000001") -> Guest:
        deployment = self.world.settings.deployments[0]
        return Guest(self, self.world.connect(deployment, self.now).id, token)


@dataclass
class Guest:
    """One socket. `ask` gives what this request brought to this socket."""

    platform: Platform
    connection_id: int
    token: str

    @property
    def frames(self) -> list[Json]:
        return self.platform.sent.setdefault(self.connection_id, [])

    def raw(self, text: bytes, receive: Callable[..., Any] = receive_guest_frame) -> list[Json]:
        before = len(self.frames)
        platform = self.platform
        platform.perform(receive(platform.world, self.connection_id, text, platform.now))
        return self.frames[before:]

    def ask(self, action: str, **more: Any) -> list[Json]:
        request = {"action": action, "token": self.token, "tracingId": f"t{next(_TRACES)}", **more}
        return self.raw(json.dumps(request).encode())

    def configure(self, **more: Any) -> Json:
        return self.ask("configureSession", deploymentId=DEFAULT_DEPLOYMENT_ID, **more)[0]

    def say(self, text: str, **message: Any) -> list[Json]:
        return self.ask("onMessage", message={"type": "Text", "text": text, **message})

    def webchat(self, **frame: Any) -> list[Json]:
        return self.raw(json.dumps(frame).encode(), receive_webchat_frame)


@pytest.fixture
def new_platform() -> Callable[..., Platform]:
    def build(**settings: Any) -> Platform:
        return Platform(World(EmulatorSettings(**{"agent": "silent", "seed": 0, **settings})))

    return build


@pytest.fixture
def platform(new_platform: Callable[..., Platform]) -> Platform:
    return new_platform()


@pytest.fixture
def guest(platform: Platform) -> Guest:
    found = platform.guest()
    found.configure()
    return found
