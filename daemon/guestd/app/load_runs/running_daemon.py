"""Guest sessions of a running daemon: what a run does with them beside opening and using them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from ...load.results import NotMeasured
from ...load.run.driver import RUN_ATTRIBUTE
from ...load.run.session_tokens import RunTarget, TokenFile
from ...platform.regions import Endpoints
from ..commands.client_options import token_of
from ..control_client import ApiAddress, ApiRefusal, ControlClient
from ..wiring.endpoints import PlatformTarget
from .comparison import NOT_ASKED
from .daemon_events import AWAY
from .daemon_fleet import CONNECTIONS, READS, DaemonFleet
from .daemon_requests import refusal_of
from .options import RunOptions
from .session_host import EmulatorRecord, HostListener

DRAIN_S = 10.0
#: Beside the requests of guests and reads: the stream, and what is asked after it was cut.
OTHER_CONNECTIONS = 4

ITS_LOAD = NotMeasured(
    what="the daemon's own CPU, memory and event loop lag",
    why="they are another process's; `guestd top` shows them, and `GET /v1/stats` has them",
)
ON_THE_WIRE = NotMeasured(
    what="what the daemon met on its connections to the platform: messages that came twice or late"
    " and were put right, 429s",
    why="/v1 tells what the guests were shown",
)
FRAMES = NotMeasured(
    what="the frames of failed and slow conversations",
    why="they are on the daemon's connections; `guestd frames NAME` shows those of a guest",
)
NOT_ITS_EMULATOR = (
    "the emulator at {} has none of this run's guests; name the one that the daemon works with, or"
    " leave --emulator out"
)
NAME_ANOTHER = "start guestd serve, or name another with --daemon"
_DELIVERY = "messages lost, doubled or reordered"
_FIGURES = ["lost", "doubled", "reordered"]


class RunningDaemon:
    """`ask` it first; then as every `SessionHost`. `tell` says at once what it refuses."""

    def __init__(self, options: RunOptions, tell: Callable[[str], None]) -> None:
        self._options, self._tell = options, tell
        token_file = Path(options.token_file) if options.token_file else None
        self._address = ApiAddress(options.daemon, None, token_of(token_file))
        self._stops = AsyncExitStack()
        self._info: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._refusals: Counter[str] = Counter()
        self._tokens: TokenFile | None = None
        self._listener: HostListener
        self._client: ControlClient
        self.target: PlatformTarget
        self.fleet: DaemonFleet

    async def ask(self) -> None:
        """Who it is and whom it talks to. Raises ApiRefusal, PlatformUnavailable."""
        connections = CONNECTIONS + READS + OTHER_CONNECTIONS
        client = ControlClient(self._address, connections, NAME_ANOTHER)
        self._client = await self._stops.enter_async_context(client)
        try:
            self._info = await self._client.ask("GET", "/v1/info")
        except ApiRefusal as refusal:
            raise _with_remedy(refusal) from None
        at = self._info["target"]
        places = Endpoints("", self._address.url, "", "")
        self.target = PlatformTarget(
            places, at["deployment_id"], None, is_emulator=at["kind"] != "platform"
        )

    @property
    def region(self) -> str:
        return str(self._info["target"]["region"])

    async def open(self, listener: HostListener) -> None:
        self._listener = listener
        if "events" not in self._info["features"]:
            raise ApiRefusal(
                {
                    "code": "not_supported",
                    "detail": "the daemon is older and has no /v1/events; update it",
                }
            )
        options = self._options
        if options.state_directory:
            where = RunTarget(
                run_id=options.run_id, daemon=self._address.url, token_file=options.token_file
            )
            directory = Path(options.state_directory)
            self._tokens = TokenFile.of_run(directory, f"{options.run_id}-0", where)
        mark = f"{RUN_ATTRIBUTE}:{options.run_id}"
        self.fleet = DaemonFleet(self._client, options.run_id, mark, self)
        self._stops.push_async_callback(self.fleet.stop)
        await self.fleet.start(self._info["started_at"])

    @property
    def record(self) -> EmulatorRecord:
        if self._options.reconcile == "none":
            return EmulatorRecord(why_not=NOT_ASKED)
        if self._options.emulator:
            url = self._options.emulator.rstrip("/")
            return EmulatorRecord(url, if_none=NOT_ITS_EMULATOR.format(url))
        if self._info["emulator"]:
            return EmulatorRecord(self._address.url, headers=self._address.headers)
        if self.target.is_emulator:
            return EmulatorRecord(why_not="give --emulator URL, the daemon's emulator")
        return EmulatorRecord(
            why_not="a real organisation has no record, and a guest's history is read with a token"
            " that its daemon does not tell"
        )

    @property
    def histories(self) -> None:
        """/v1 tells no token."""

    @property
    def left_open(self) -> int:
        return self._tokens.open if self._tokens is not None else 0

    def opened(self, session_id: str) -> None:
        if self._tokens is not None:
            self._tokens.begun(session_id)

    def finished(self, session_id: str, has_ended: bool) -> str:
        if has_ended:
            self._has_ended(session_id)
        return self._ids.pop(session_id, session_id)

    def connects_throttled(self) -> int:
        return 0

    def not_measured(self, has_record: bool) -> list[NotMeasured]:
        beside = [ITS_LOAD, ON_THE_WIRE, FRAMES]
        record = self.record
        if has_record or record.url:  # why it was not compared with, is told where it is read
            return beside
        return [*beside, NotMeasured(what=_DELIVERY, why=record.why_not, figures=_FIGURES)]

    def problems(self) -> list[str]:
        missed = self.fleet.events.missed
        if not missed:
            return []
        return [f"{missed:,} events were not kept long enough by the daemon to be read"]

    def notes(self) -> list[str]:
        cuts, away_s = self.fleet.cuts, self.fleet.away_s
        found = [f"the daemon refused {n:,} × {why}" for why, n in self._refusals.most_common(5)]
        if cuts:
            times = "once" if cuts == 1 else f"{cuts:,} times"
            found.append(
                f"the connection to the daemon was lost {times}, {away_s:.1f} s in all; what came"
                " meanwhile was read by seq, and its latencies contain that time"
            )
        return found

    async def drain(self) -> None:
        self.fleet.end_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.fleet.events.all_over.wait()

    async def stop(self) -> None:
        await self.fleet.stop()

    async def close(self) -> None:
        await self._stops.aclose()
        if self._tokens is not None:
            self._tokens.close()
            self._tokens = None

    # ------------------------------------------------------------------ what the fleet tells

    def known(self, name: str, session_id: str) -> None:
        self._ids[name] = session_id

    def not_opened(self, session_id: str, code: str, reason: str) -> None:
        if code != AWAY:
            self._has_ended(session_id)
        self._listener.not_opened(session_id, f"{code}: {reason}")
        self.refused(code, reason)

    def refused(self, code: str, reason: str) -> None:
        if not self._refusals[code]:
            self._tell(f"guestd: the daemon refuses: {code}: {reason}")
        self._refusals[code] += 1

    def _has_ended(self, session_id: str) -> None:
        if self._tokens is not None:
            self._tokens.ended(session_id)


def _with_remedy(refusal: ApiRefusal) -> ApiRefusal:
    problem = refusal.problem_document
    return ApiRefusal({**problem, "detail": str(refusal_of(problem))})
