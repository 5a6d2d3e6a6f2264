"""How many frames are worked on in a virtual time, of frontends that send as fast as they are
read."""

from __future__ import annotations

import asyncio

import pytest

from guestd.api import pacing
from guestd.api.pacing import FramePace, FrameRate

from ...simulation.virtual import VirtualLoop

SECONDS = 10.0

#: Without a rate the loop turns for ever and no time passes.
ENDLESS = 200_000


@pytest.fixture
def run():
    loop = VirtualLoop()
    yield loop.run_until_complete
    loop.close()


class Flood:
    """One frontend whose next frame is always there."""

    def __init__(self, pace: FramePace) -> None:
        self._rate = FrameRate(pace)
        self.frames = 0

    async def send(self) -> None:
        while True:
            await self._rate.admit()
            self.frames += 1
            assert self.frames < ENDLESS, "there is no rate"


async def flooded(count: int, pace: FramePace) -> list[int]:
    """How many frames of each frontend were worked on."""
    floods = [Flood(pace) for _ in range(count)]
    tasks = [asyncio.ensure_future(flood.send()) for flood in floods]
    sleeping = asyncio.ensure_future(asyncio.sleep(SECONDS))
    await asyncio.wait([sleeping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    return [flood.frames for flood in floods]


def quiet_frames(seconds: float) -> float:
    return pacing.QUIET_BURST + seconds * pacing.QUIET_PER_S + 1


def test_a_flood_is_worked_on_at_the_rate_of_one_frontend(run):
    async def story() -> list[int]:
        return await flooded(1, FramePace())

    (frames,) = run(story())
    own = pacing.FRAMES_BURST + SECONDS * pacing.FRAMES_PER_S + 1
    assert frames <= own + quiet_frames(SECONDS)
    assert frames >= 0.9 * own


def test_a_thousand_floods_share_a_rate_and_each_has_its_part(run):
    async def story() -> list[int]:
        return await flooded(1000, FramePace())

    frames = run(story())
    shared = pacing.SHARED_BURST + SECONDS * pacing.SHARED_PER_S
    assert sum(frames) <= shared + 1000 * quiet_frames(SECONDS)
    assert min(frames) >= 0.75 * max(frames)


def test_a_frontend_within_its_quiet_rate_waits_for_nobody(run):
    async def story() -> float:
        pace = FramePace()
        flooding = asyncio.ensure_future(flooded(1000, pace))
        await asyncio.sleep(1.0)
        loop, rate, waited_s = asyncio.get_running_loop(), FrameRate(pace), 0.0
        for _ in range(20):
            asked_at = loop.time()
            await rate.admit()
            waited_s += loop.time() - asked_at
            await asyncio.sleep(0.1)
        await flooding
        return waited_s

    assert run(story()) == 0.0


def test_a_hundred_pasted_messages_of_one_frontend_do_not_wait(run):
    async def story() -> float:
        loop, rate = asyncio.get_running_loop(), FrameRate(FramePace())
        begun_at = loop.time()
        for _ in range(100):
            await rate.admit()
        return loop.time() - begun_at

    assert run(story()) == 0.0


def test_files_in_frames_are_written_one_at_a_time_at_a_rate(run):
    file_bytes, files = 1_048_576, 40

    async def story() -> tuple[float, int]:
        loop, pace, now, most = asyncio.get_running_loop(), FramePace(), 0, 0
        begun_at = loop.time()

        async def write() -> None:
            nonlocal now, most
            async with pace.file(file_bytes):
                now += 1
                most = max(most, now)
                await asyncio.sleep(0)
                now -= 1

        await asyncio.gather(*(write() for _ in range(files)))
        return loop.time() - begun_at, most

    took_s, most = run(story())
    over_bytes = files * file_bytes - pacing.FILE_BYTES_BURST
    assert most == 1
    assert took_s >= 0.99 * over_bytes / pacing.FILE_BYTES_PER_S
