"""The last frames of guests, kept for the conversations that a report tells.

What failed is only known afterwards, so every guest's newest frames are remembered while it lives,
as the bytes that were on the wire: a list and an append for each frame. Cleaning one of its secrets
takes thirty times as long (`observe/frame_text.py`), so that is done for those that are told. (The
daemon's own rings, which clean at once, are for a few sessions that someone watches.) A guest whose
conversation passed may still have lost a message, which the comparison with the platform's record
finds when the run is over: the newest of them stay for that.

A connection is known by the token in the first frame that goes out on it; webchat's frames have
none, so nothing is remembered there.

Bounds. `GUESTS_MAX` guests at a time; of each so many frames as are asked for, of a long frame its
beginning. Kept are `EACH_KIND_MAX` of each kind of failure, `KINDS_MAX` kinds, the slowest,
`TROUBLED_MAX` that were shown a message twice or late, or were found to lack one when they left,
and the newest `OTHERS_MAX`."""

from __future__ import annotations

import heapq
import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from ...model.endings import Ending
from ...model.ports import Connection, ConnectionSink, Dialer, DialTarget
from ...observe.frame_text import TEXT_BYTES_MAX, cleaned, forms_of, frame_text
from ..results import FrameEntry
from .driver import GuestDriver

#: With 20 frames each they take about 40 MB.
GUESTS_MAX = 1_000
EACH_KIND_MAX = 5
KINDS_MAX = 100
SLOWEST_MAX = 10
TROUBLED_MAX = 100
OTHERS_MAX = 200
#: Of a frame that is too long to be cleaned.
_HEAD_BYTES = 512
_TOKEN = re.compile(rb'"token"\s*:\s*"([^"\\]{1,200})"')

#: Of one frame: when on the clock; "in", "out", or "" for what happened to the connection; its
#: bytes, and how many they were.
CELLS = 4


class FrameMemory:
    """Of one guest, over all its connections. `seen` counts all frames, kept or not."""

    __slots__ = ("_cells", "_cells_max", "seen", "token")

    def __init__(self, token: str, frames_max: int) -> None:
        self.token = token
        self.seen = 0
        self._cells: list[Any] = []  # each frame's four, one after the other: no object per frame
        self._cells_max = frames_max * CELLS

    def add(self, at: float, direction: str, frame: bytes) -> None:
        self.seen += 1
        size = len(frame)
        kept = frame if size <= TEXT_BYTES_MAX else bytes(frame[:_HEAD_BYTES])
        cells = self._cells
        if len(cells) >= self._cells_max:
            del cells[:CELLS]
        cells += (at, direction, kept, size)

    def entries(self, start: float) -> tuple[list[FrameEntry], int]:
        """Without secrets, with their times since `start`, and how many older ones are not kept."""
        forms = forms_of([self.token])
        cells = self._cells
        told = [_entry(cells[at : at + CELLS], start, forms) for at in range(0, len(cells), CELLS)]
        return told, self.seen - len(told)


def _entry(frame: list[Any], start: float, forms: tuple[str, ...]) -> FrameEntry:
    at, direction, kept, size = frame
    at_s = at - start
    if not direction:
        return FrameEntry(at_s=at_s, direction="", text=cleaned(kept.decode(), forms))
    if size > len(kept):
        text = f"(too long to be shown) {cleaned(kept.decode(errors='replace'), forms)}…"
    else:
        text = frame_text(kept, forms).text
    return FrameEntry(at_s=at_s, direction=direction, text=text, size_bytes=size)


class GuestFrames:
    """`frames_max`: of each guest; with 0 nothing is remembered, and nothing stands between guests
    and their connections. `now` is the clock, asked for each frame; `start`: when on it the run
    began, asked at its end."""

    def __init__(
        self, frames_max: int, now: Callable[[], float], start: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.frames_max, self.now, self._start = frames_max, now, start
        self._memories: dict[str, FrameMemory] = {}
        self._token_of: dict[GuestDriver, str] = {}
        self._last_drawn = ""
        self._kinds: Counter[tuple[int, int, str]] = Counter()
        self._troubled = 0
        self._slowest: list[tuple[float, int]] = []
        self._kept: dict[int, FrameMemory] = {}
        self._others: OrderedDict[int, FrameMemory] = OrderedDict()

    def drawing(self, draw_token: Callable[[], str]) -> Callable[[], str]:
        """`draw_token`, whose last token is remembered until its session is `opened`."""
        if not self.frames_max:
            return draw_token

        def draw() -> str:
            self._last_drawn = draw_token()
            return self._last_drawn

        return draw

    def dialing(self, dialer: Dialer) -> Dialer:
        return RecordingDialer(dialer, self) if self.frames_max else dialer

    def of_token(self, token: str) -> FrameMemory | None:
        return self._memories.get(token)

    def opened(self, driver: GuestDriver) -> None:
        token = self._last_drawn
        if token and len(self._memories) < GUESTS_MAX:
            self._memories[token] = FrameMemory(token, self.frames_max)
            self._token_of[driver] = token

    def finished(self, driver: GuestDriver) -> None:
        memory = self._memories.pop(self._token_of.pop(driver, ""), None)
        if memory is None:
            return
        if self._is_worth_keeping(driver):
            self._kept[driver.guest.planned.number] = memory
        else:
            self._keep_for_now(driver.guest.planned.number, memory)

    def _keep_for_now(self, number: int, memory: FrameMemory) -> None:
        self._others[number] = memory
        if len(self._others) > OTHERS_MAX:
            self._others.popitem(last=False)

    def of(self, number: int) -> tuple[list[FrameEntry], int]:
        """Of the guest of that number, if they were kept."""
        memory = self._kept.get(number) or self._others.get(number)
        return memory.entries(self._start()) if memory is not None else ([], 0)

    def _is_worth_keeping(self, driver: GuestDriver) -> bool:
        failed = driver.guest.failed
        if failed is not None:
            kind = driver.guest.planned.scenario, failed.step, failed.failure
            if kind not in self._kinds and len(self._kinds) >= KINDS_MAX:
                return False
            self._kinds[kind] += 1
            return self._kinds[kind] <= EACH_KIND_MAX
        log = driver.log
        if log.came_twice or log.came_late or log.has_findings:
            self._troubled += 1
            return self._troubled <= TROUBLED_MAX
        return driver.slowest_s > 0 and self._is_slow(driver)

    def _is_slow(self, driver: GuestDriver) -> bool:
        """Among the slowest so far, one of which it may displace."""
        one = driver.slowest_s, driver.guest.planned.number
        if len(self._slowest) < SLOWEST_MAX:
            heapq.heappush(self._slowest, one)
            return True
        displaced = heapq.heappushpop(self._slowest, one)
        if displaced != one:
            self._keep_for_now(displaced[1], self._kept.pop(displaced[1]))
        return displaced != one


class RecordingDialer:
    """A dialer (the port) whose connections' frames are remembered."""

    def __init__(self, bare: Dialer, frames: GuestFrames) -> None:
        self._bare, self._frames = bare, frames

    async def dial(self, target: DialTarget, sink: ConnectionSink) -> Connection:
        recorded = RecordedConnection(sink, self._frames)
        recorded.bare = await self._bare.dial(target, recorded)
        return recorded


class RecordedConnection:
    """Stands between a connection and its sink, and is either to the other."""

    __slots__ = ("_frames", "_memory", "_now", "_sink", "bare")

    def __init__(self, sink: ConnectionSink, frames: GuestFrames) -> None:
        self._sink, self._frames, self._now = sink, frames, frames.now
        self._memory: FrameMemory | None = None
        self.bare: Connection

    # ------------------------------------------------------------------ the sink

    def text_received(self, text: bytes) -> None:
        if self._memory is not None:
            self._memory.add(self._now(), "in", text)
        self._sink.text_received(text)

    def pong_received(self) -> None:
        self._sink.pong_received()

    def ping_received(self, size_bytes: int) -> None:
        self._sink.ping_received(size_bytes)

    def garbage_received(self, reason: str, size_bytes: int) -> None:
        self._sink.garbage_received(reason, size_bytes)

    def writable_changed(self, writable: bool) -> None:
        self._sink.writable_changed(writable)

    def connection_ended(self, ending: Ending) -> None:
        self._happened(f"closed: {ending}")
        self._sink.connection_ended(ending)

    # ------------------------------------------------------------------ the connection

    def send_text(self, text: bytes) -> None:
        if self._memory is None and (found := _TOKEN.search(text)) is not None:
            self._memory = self._frames.of_token(found[1].decode())
            self._happened(f"open, {self.bare.peer()}")
        if self._memory is not None:
            self._memory.add(self._now(), "out", text)
        self.bare.send_text(text)

    def ping(self) -> None:
        self.bare.ping()

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._happened(f"close {code} by guestd")
        self.bare.close(code, reason)

    def abort(self) -> None:
        self._happened("closed without a handshake by guestd")
        self.bare.abort()

    def pause_reading(self) -> None:
        self.bare.pause_reading()

    def resume_reading(self) -> None:
        self.bare.resume_reading()

    def peer(self) -> str:
        return self.bare.peer()

    def _happened(self, words: str) -> None:
        if self._memory is not None:
            self._memory.add(self._now(), "", words.encode())
