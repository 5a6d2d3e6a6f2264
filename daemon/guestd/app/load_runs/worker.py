"""A worker process of `guestd load --workers`: its part of the plan, told and ended over a pipe.

Signals are the parent's business: a terminal's Ctrl-C reaches the whole group, and the parent says
what is to be done. When the parent is gone, however that came, its end of the pipe is closed, and
the guests end their conversations."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from ...load.measure.partial import Partial
from ...load.scenario.reader import read_file
from ...observe.log import Log, configure_logging
from .. import exit_codes
from ..open_files import allow_open_files
from . import worker_lines as w
from .local_run import LocalRun
from .log_tally import LogTally
from .run_config import run_config


class _Worker:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log_tally: LogTally
    ) -> None:
        self._reader, self._writer, self._log_tally = reader, writer, log_tally
        self._go, self._compare = asyncio.Event(), asyncio.Event()
        self._is_stopped = False
        self._started_ms = 0
        self._run: LocalRun
        self._partial = Partial()

    async def work(self) -> None:
        begin = w.to_worker(await self._reader.readline())
        assert isinstance(begin, w.BeginLine)
        options = begin.options
        file = read_file(Path(options.file))
        config = run_config(options, begin.flags, file)
        self._run = run = LocalRun(config, file, options, self)
        try:
            await run.open()
            self._tell(w.ReadyLine())
            listening = asyncio.ensure_future(self._listen())
            await self._go.wait()
            if not self._is_stopped:
                await run.run()
            self._tell(w.DoneLine())
            await self._compare.wait()
            result = await run.result(self._started_ms)
            result.partial.warnings = self._log_tally.drain()
            self._tell(w.EndLine(result))
            await self._flushed()
            listening.cancel()
        finally:
            await run.close()

    async def _listen(self) -> None:
        while text := await self._reader.readline():
            self._heed(w.to_worker(text))
        self._heed(w.StopLine())
        self._go.set()
        self._compare.set()

    def _heed(self, told: w.ToWorker) -> None:
        match told:
            case w.GoLine():
                self._go.set()
            case w.StopLine():
                self._is_stopped = True
                self._run.stop()
            case w.AbortLine():
                self._run.abort()
            case w.CompareLine(started_ms):
                self._started_ms = started_ms
                self._compare.set()

    # ------------------------------------------------------------------ what is heard of it

    def measured(self, partial: Partial) -> None:
        self._partial = partial
        partial.warnings = self._log_tally.drain()

    def second(self, at_s: float) -> None:
        self._tell(w.SecondLine(at_s, self._partial, dict(self._run.states), self._run.waits()))

    def _tell(self, message: w.FromWorker) -> None:
        if not self._writer.is_closing():
            self._writer.write(w.line(message))

    async def _flushed(self) -> None:
        try:
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            pass  # the parent is gone


async def _work(log: Log) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(w.LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), sys.stdout
    )
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    with LogTally(log) as log_tally:
        await _Worker(reader, writer, log_tally).work()


def main() -> int:
    log = configure_logging("warning", "text")
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    allow_open_files(0)
    work: Coroutine[Any, Any, None] = _work(log)
    return exit_codes.run(lambda: work)


if __name__ == "__main__":
    sys.exit(main())
