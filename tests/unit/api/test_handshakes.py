"""How many handshakes of one address are answered in a virtual time."""

from __future__ import annotations

import asyncio

import pytest

from guestd.api import handshakes
from guestd.api.callers import UNIX_SOCKET
from guestd.api.handshakes import HandshakeLimiter

from ...simulation.virtual import VirtualLoop

BURST = 20


@pytest.fixture
def run():
    loop = VirtualLoop()
    yield loop.run_until_complete
    loop.close()


async def admitted(
    paced: HandshakeLimiter, caller: str, count: int, within_s: float
) -> tuple[int, int]:
    """Of that many at once: how many were let in within that time, and how many were refused."""
    tasks = [asyncio.ensure_future(paced.admit(caller)) for _ in range(count)]
    done, waiting = await asyncio.wait(tasks, timeout=within_s)
    for task in waiting:
        task.cancel()
    answers = [task.result() for task in done]
    return answers.count(True), answers.count(False)


def test_an_address_fills_its_places_at_once_and_comes_back_at_a_rate(run):
    async def story() -> tuple[int, int]:
        paced = HandshakeLimiter(BURST)
        at_once, _ = await admitted(paced, "192.0.2.1", BURST, 0.001)
        later, _ = await admitted(paced, "192.0.2.1", 400, 2.0)
        return at_once, later

    at_once, later = run(story())
    assert at_once == BURST
    assert 0.9 * 2.0 * handshakes.PER_S <= later <= 2.0 * handshakes.PER_S + 1


def test_too_many_that_wait_are_told_to_come_later(run):
    async def story() -> tuple[int, int]:
        return await admitted(
            HandshakeLimiter(BURST), "192.0.2.1", 1000, handshakes.WAIT_MAX_S + 1.0
        )

    waiting_max = handshakes.WAIT_MAX_S * handshakes.PER_S
    assert run(story()) == (BURST + waiting_max, 1000 - BURST - waiting_max)


def test_another_address_and_the_unix_socket_wait_for_none_of_it(run):
    async def story() -> list[tuple[int, int]]:
        paced = HandshakeLimiter(BURST)
        flood = asyncio.ensure_future(admitted(paced, "192.0.2.1", 1000, 5.0))
        await asyncio.sleep(1.0)
        others = [await admitted(paced, other, 15, 0.5) for other in ("192.0.2.2", UNIX_SOCKET)]
        await flood
        return others

    assert run(story()) == [(15, 0), (15, 0)]


def test_addresses_that_rest_are_forgotten(run):
    async def story() -> int:
        paced = HandshakeLimiter(BURST)
        for number in range(3 * handshakes.REMEMBERED):
            await paced.admit(f"192.0.{number // 256}.{number % 256}")
            await asyncio.sleep(0.1)
        return len(paced._rates)

    assert run(story()) <= handshakes.REMEMBERED
