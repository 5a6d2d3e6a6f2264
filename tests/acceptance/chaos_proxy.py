"""A TCP proxy that behaves badly: half frames and resets, stalls, single bytes, freezes, and a port
that closes for a while."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress
from random import Random

CHUNK_BYTES = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ChaosProxy:
    """Forwards `port` to `upstream`. `rates`: the chance of each mischief at each chunk."""

    def __init__(self, upstream_port: int, rng: Random, rates: dict[str, float]) -> None:
        self.upstream_port, self.rng, self.rates = upstream_port, rng, rates
        self.port = 0
        self.done: Counter[str] = Counter()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def away(self, for_s: float) -> None:
        """The port is closed and every connection reset; nothing listens."""
        self.done["away"] += 1
        self._server.close()
        self.reset_all()
        await asyncio.sleep(for_s)
        await self.open()

    async def freeze(self, for_s: float) -> None:
        """Every connection stays up and nothing passes, new ones included."""
        self.done["freeze"] += 1
        self._flowing.clear()
        await asyncio.sleep(for_s)
        self._flowing.set()

    def reset_all(self) -> None:
        self.done["reset_all"] += 1
        self.done["cut"] += len(self._tasks)
        for writer in list(self._writers):
            _reset(writer)

    async def close(self) -> None:
        self._server.close()
        self._flowing.set()
        self.reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # what was reset is closed by the loop a turn later

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.done["connections"] += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._flowing.wait()
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
            self._writers.add(up_writer)
            try:
                both = (writer, up_writer)
                await asyncio.gather(
                    self._pump(reader, up_writer, both), self._pump(up_reader, writer, both)
                )
            finally:
                self._forget(up_writer)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            self._forget(writer)
            self._tasks.discard(task)

    def _forget(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        _reset(writer)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                if not await self._pass_on(chunk, writer):
                    break
            else:
                if reader.at_eof() and not writer.is_closing():
                    writer.write_eof()
                    return
        for one in both:
            _reset(one)

    async def _pass_on(self, chunk: bytes, writer: asyncio.StreamWriter) -> bool:
        """False: the connection is to be reset."""
        draw = self.rng.random()
        if draw < self.rates["half"]:
            self.done["half"] += 1
            self.done["cut"] += 1
            writer.write(chunk[: len(chunk) // 2])
            await writer.drain()
            return False
        draw -= self.rates["half"]
        if draw < self.rates["stall"]:
            self.done["stall"] += 1
            await asyncio.sleep(self.rng.uniform(0.1, 2.0))
            writer.write(chunk)
        elif draw < self.rates["stall"] + self.rates["bytewise"] and len(chunk) < 2_000:
            self.done["bytewise"] += 1
            for at in range(len(chunk)):
                writer.write(chunk[at : at + 1])
                await asyncio.sleep(0)
        else:
            writer.write(chunk)
        await writer.drain()
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE
        )
    writer.transport.abort()
