"""Leave in batches, and report each round: no session is left behind without being named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..model.endings import Cause
from ..model.ports import Clock
from ..session.inputs import LeaveAsked
from ..session.states import State
from .runner import Runner

# goodbyes said within one turn of the loop, so that no heartbeat waits behind ten thousand of
# them
BATCH = 200
ROUND_S = 1.0


@dataclass(slots=True, frozen=True)
class DrainReport:
    """`left` names the guest sessions that did not end in time."""

    ended: int
    left: tuple[str, ...]


async def drain(
    runners: Sequence[Runner],
    empty: asyncio.Event,
    clock: Clock,
    grace_s: float,
    progress: Callable[[int], None],
    count: Callable[[], int],
) -> DrainReport:
    give_up_at = clock.now() + grace_s
    for start in range(0, len(runners), BATCH):
        for runner in runners[start : start + BATCH]:
            if runner.machine.state is not State.ENDED:
                runner.feed(LeaveAsked(Cause.DRAINED))
        await asyncio.sleep(0)
    while count() and (rest_s := give_up_at - clock.now()) > 0:
        progress(count())
        try:
            async with asyncio.timeout(min(ROUND_S, rest_s)):
                await empty.wait()
        except TimeoutError:
            continue
    left = tuple(runner.session_id for runner in runners if runner.machine.state is not State.ENDED)
    return DrainReport(len(runners) - len(left), left)
