"""Who reads a guest session's events by `/v1`, over many lives of the daemon: by server-sent
events, and by pages.

Both go away now and then by themselves and resume, the one with Last-Event-ID, the other with
`after`."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import aiohttp

Json = dict[str, Any]

#: What a reader says goes wrong while the daemon is killed, away or not there yet.
TROUBLE = (aiohttp.ClientError, OSError, TimeoutError)
NOTICES = ("lagging", "closed", "over")


class Reader:
    """Keeps what it was given; `problems` is what no daemon may do, killed or not."""

    kind = ""

    def __init__(self, url: str, name: str, rng: Random, http: aiohttp.ClientSession) -> None:
        self.url = f"{url}/v1/sessions/{name}/events"
        self.name, self.rng, self.http = name, rng, http
        self.events: list[Json] = []
        self.problems: list[str] = []
        self.resumed = 0
        self.stop = False

    @property
    def last_seq(self) -> int:
        return self.events[-1]["seq"] if self.events else 0

    async def live(self) -> None:
        while not self.stop:
            try:
                async with asyncio.timeout(self.rng.uniform(2.0, 20.0)):
                    await self._visit()
            except TROUBLE:
                self.resumed += 1
            await asyncio.sleep(self.rng.uniform(0.05, 0.5))

    async def _visit(self) -> None:
        raise NotImplementedError

    def _is_well(self, answer: aiohttp.ClientResponse) -> bool:
        """False: there is nothing to read. 404: the guest session is not open yet; 503: the daemon
        starts or stops."""
        if answer.status not in (200, 404, 503):
            self.problems.append(f"{answer.status} after {self.last_seq}")
        return answer.status == 200


class Follower(Reader):
    """An EventSource."""

    kind = "events"

    async def _visit(self) -> None:
        headers = {"Accept": "text/event-stream"}
        if self.events:
            headers["Last-Event-ID"] = str(self.last_seq)
        async with self.http.get(self.url, headers=headers) as answer:
            if not self._is_well(answer):
                return
            fields: dict[str, str] = {}
            while not self.stop and (line := await answer.content.readline()):
                text = line.decode().rstrip("\n")
                if text:
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif line.endswith(b"\n"):  # a blank line ends a frame; a frame cut off has none
                    self._take(fields)
                    fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        if "id" in fields:
            event = json.loads(fields["data"])
            if (str(event["seq"]), event["kind"]) != (fields["id"], fields["event"]):
                self.problems.append(f"id {fields['id']} and event {fields['event']} of {event}")
            self.events.append(event)
        elif fields.get("event", NOTICES[0]) not in NOTICES:
            self.problems.append(f"{fields['event']} after {self.last_seq}: {fields['data']}")


class Pager(Reader):
    """Asks for pages of any size, with pauses."""

    kind = "pages"

    async def _visit(self) -> None:
        while not self.stop:
            query = {"after": self.last_seq, "limit": self.rng.choice((1, 7, 100, 1000))}
            async with self.http.get(self.url, params=query) as answer:
                if not self._is_well(answer):
                    return
                page = await answer.json()
            self.events += page["events"]
            if page["next"] != self.last_seq:
                self.problems.append(f"next is {page['next']} after the page up to {self.last_seq}")
            if not page["more"]:
                await asyncio.sleep(self.rng.uniform(0.2, 2.0))
