"""The baseline: the websockets library's own asyncio connection, lean (no compression, no
keepalive), no application.

A task per connection that receives and throws away. It does not even parse.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from websockets.asyncio.client import ClientConnection, connect
from worker import CA_FILE, obey, run

HELLO = '{"action":"configureSession","deploymentId":"d","token":"t","tracingId":"t1"}'


class Library:
    def __init__(self, port: int) -> None:
        self.port = port
        self.tls = ssl.create_default_context(cafile=CA_FILE) if CA_FILE else None
        self.received = 0
        self.connections: list[ClientConnection] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def open(self, count: int) -> None:
        gate = asyncio.Semaphore(100)

        async def one() -> ClientConnection:
            async with gate:
                connection = await connect(
                    f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/v1?deploymentId=d",
                    ssl=self.tls,
                    compression=None,
                    ping_interval=None,
                    proxy=None,
                    user_agent_header=None,
                )
                await connection.send(HELLO)
                await connection.recv()
                return connection

        opened = await asyncio.gather(*(one() for _ in range(count)))
        self.connections += opened
        self.tasks += [asyncio.create_task(self.receive(connection)) for connection in opened]

    async def receive(self, connection: ClientConnection) -> None:
        while True:
            await connection.recv()
            self.received += 1

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()


async def main() -> None:
    await obey(Library(int(sys.argv[1])))


if __name__ == "__main__":
    run(main())
