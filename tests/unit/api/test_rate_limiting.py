"""How many callers go on per turn of the loop and per second of a virtual clock, and in which
order."""

from __future__ import annotations

import asyncio

import pytest

from guestd.api.rate_limiting import BorrowingBucket, LoopRateLimiter

from ...simulation.virtual import VirtualLoop


@pytest.fixture
def run():
    loop = VirtualLoop()
    yield loop.run_until_complete
    loop.close()


async def passes_of(turns: LoopRateLimiter, callers: int) -> list[tuple[int, int]]:
    """For each caller in the order of going on: its number, and the turn of the loop."""
    passes, turn = [], 0

    async def go(number: int) -> None:
        await turns.acquire()
        passes.append((number, turn))

    tasks = [asyncio.ensure_future(go(number)) for number in range(callers)]
    while len(passes) < callers:
        turn += 1
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return passes


def most_in_a_turn(passes: list[tuple[int, int]]) -> int:
    turns = [turn for _, turn in passes]
    return max(map(turns.count, turns))


@pytest.mark.parametrize("per_turn", [1, 8])
def test_no_more_go_on_in_one_turn_and_they_go_in_the_order_of_asking(run, per_turn):
    passes = run(passes_of(LoopRateLimiter(per_turn), 50))
    assert [number for number, _ in passes] == list(range(50))
    assert most_in_a_turn(passes) == per_turn


@pytest.mark.parametrize("waiting", [1, 100])
def test_a_rate_holds_for_all_together_however_many_ask(run, waiting):
    async def taken_in_10_s() -> int:
        turns, taken = LoopRateLimiter(8, per_s=50.0, burst=20.0), 0

        async def ask_for_ever() -> None:
            nonlocal taken
            while True:
                await turns.acquire()
                taken += 1

        tasks = [asyncio.ensure_future(ask_for_ever()) for _ in range(waiting)]
        await asyncio.sleep(10.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return taken

    assert 400 <= run(taken_in_10_s()) <= 20 + 500


def test_who_has_gone_takes_no_turn_away(run):
    async def waited_s() -> float:
        turns = LoopRateLimiter(8, per_s=1.0, burst=1.0)
        await turns.acquire()
        gone = [asyncio.ensure_future(turns.acquire()) for _ in range(100)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        begun_at = asyncio.get_running_loop().time()
        await turns.acquire()
        return asyncio.get_running_loop().time() - begun_at

    assert run(waited_s()) <= 1.1


class TestABucket:
    def test_gives_its_burst_and_then_its_rate(self):
        bucket = BorrowingBucket(per_s=2.0, burst=3.0)
        assert [bucket.take(10.0) for _ in range(5)] == [True, True, True, False, False]
        assert [bucket.take(10.5), bucket.take(10.5)] == [True, False]

    def test_tells_how_long_what_is_owed_takes(self):
        bucket = BorrowingBucket(per_s=2.0, burst=1.0)
        assert [bucket.owe(10.0), bucket.owe(10.0), bucket.owe(10.0)] == [0.0, 0.5, 1.0]
        assert not bucket.is_full(11.0)
        assert bucket.is_full(11.5)

    def test_holds_no_more_than_its_burst(self):
        bucket = BorrowingBucket(per_s=2.0, burst=3.0)
        bucket.owe(10.0, 3.0)
        assert bucket.tokens(1000.0) == 3.0
