"""`guestd emulate` at localhost: both loopback addresses, the same port."""

from __future__ import annotations

import asyncio

from guestd.emulator import Emulator, EmulatorSettings


async def test_both_loopback_addresses_are_listened_on():
    async with Emulator(EmulatorSettings(host="localhost")) as emulator:
        assert emulator.url == f"http://127.0.0.1:{emulator.port}"
        for address in ("127.0.0.1", "::1"):
            _, writer = await asyncio.open_connection(address, emulator.port)
            writer.close()
