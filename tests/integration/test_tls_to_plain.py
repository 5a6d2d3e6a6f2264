"""TLS spoken to a port that speaks plain HTTP fails at once, and is called that."""

from __future__ import annotations

import pytest

from guestd.emulator import Emulator
from guestd.model.endings import Cause
from guestd.model.errors import DialError, PlatformUnavailable
from guestd.model.ports import DialTarget
from guestd.platform.http import Http
from guestd.transport.dialer import WebsocketDialer

SAID = "TLS was spoken to a port that answers in plain text; write http:// or ws://"


async def test_tls_to_plain_http_is_said_and_not_waited_for():
    async with Emulator() as emulator:
        http = Http()
        try:
            with pytest.raises(PlatformUnavailable, match=SAID) as caught:
                await http.get_object(f"https://127.0.0.1:{emulator.port}/x")
            assert caught.value.cause == "unreachable"
        finally:
            await http.close()


async def test_a_guest_socket_says_it_too():
    async with Emulator() as emulator:
        target = DialTarget(f"wss://127.0.0.1:{emulator.port}/v1")
        with pytest.raises(DialError) as caught:
            await WebsocketDialer().dial(target, None)  # type: ignore[arg-type]  # no sink is reached
        assert caught.value.ending.cause is Cause.UNREACHABLE
        assert SAID in caught.value.ending.detail
