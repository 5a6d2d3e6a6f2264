"""What all Python clients of the benchmarks share: orders on standard input, figures on standard
output.

{"do": "open", "count": 1000}     connect and configure so many more; answers when all are ready
{"do": "figures"}                 answers {"cpu_s", "rss_bytes", "received"} of this process
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
from typing import Any, Protocol

import uvloop

#: The CA of a server that speaks TLS; without it the server does not.
CA_FILE = os.environ.get("BENCH_CA_FILE")


class Client(Protocol):
    received: int

    async def open(self, count: int) -> None: ...

    async def close(self) -> None: ...


def figures(client: Client) -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "received": client.received,
    }


async def obey(client: Client) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "open":
            await client.open(order["count"])
            gc.collect()
            gc.freeze()
        print(json.dumps(figures(client)), flush=True)
    await client.close()


def run(main: Any) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main)
