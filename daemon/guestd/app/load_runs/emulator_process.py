"""An emulator for one run, in a process of its own, so that its CPU is not the load generator's."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ...model.errors import ConfigError

#: An emulator is there within a second; a loaded machine takes longer.
START_S = 60.0
STOP_S = 10.0
_PR_SET_PDEATHSIG = 1


@asynccontextmanager
async def emulator_process(arguments: Sequence[str] = ()) -> AsyncIterator[str]:
    """Its URL. It ends with the block, and with this process however that ends. Raises ConfigError
    with what it said if it does not start."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "guestd", "emulate", "--port", "0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )
    try:
        url = await asyncio.wait_for(_ready(child), START_S)
        drains = [asyncio.ensure_future(_drain(one)) for one in (child.stdout, child.stderr)]
        try:
            yield url
        finally:
            for one in drains:
                one.cancel()
    finally:
        await _stop(child)


def _end_with_parent() -> None:
    """In the child: SIGTERM when the parent is gone, killed or not (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _ready(child: asyncio.subprocess.Process) -> str:
    assert child.stdout is not None and child.stderr is not None
    async for line in child.stdout:
        words = line.decode(errors="replace").split()
        if words[:1] == ["ready"]:
            return words[1]
    said = (await child.stderr.read()).decode(errors="replace").strip()
    raise ConfigError("the emulator", f"did not start: {said or 'it said nothing'}", "see above")


async def _drain(stream: asyncio.StreamReader | None) -> None:
    """Or it would stand still with a full pipe."""
    assert stream is not None
    while await stream.read(65536):
        pass


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), STOP_S)
        except TimeoutError:
            child.kill()
            await child.wait()
