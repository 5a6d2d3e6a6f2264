"""Copies the frames of one watched guest session into its ring, without their secrets.

A session that is not watched has no tap. Inbound frames pass `ConnectionCallbacks`, which asks one
attribute whether there is one; outbound frames pass a `TappedConnection`, which stands in for the
connection only while it is watched, so they cost nothing otherwise. A frame is in the ring before
what it leads to happens; `seq` is filled in when that is done, before anything can read it."""

from __future__ import annotations

from collections.abc import Callable

from ..model.endings import Cause, Ending
from ..model.frames import FrameRow
from ..model.ports import Clock, Connection
from ..observe.frame_text import FrameText, cleaned, forms_of, frame_text
from ..session.explain import closed_by
from ..session.machine import Machine
from .frame_ring import FrameRing

#: Of a peer's words at the end of a connection; RFC 6455 allows 123 bytes.
REASON_MAX = 200


class FrameTap:
    """`host` is the platform's."""

    def __init__(self, machine: Machine, ring: FrameRing, clock: Clock, host: str) -> None:
        self._machine = machine
        self._ring = ring
        self._clock = clock
        self._host = host
        self._secrets = forms_of([machine.guest.token])
        self._taken: FrameRow | None = None

    # ------------------------------------------------------------------ connections

    def opened(self, connection: Connection) -> Connection:
        """The connection as its session is to use it from now on. Its number is known only when the
        session has heard of it."""
        row = self._row("out", "open")
        row.connection += 1
        row.host, row.address = self._host, connection.peer()
        self._ring.add(row)
        return TappedConnection(connection, self)

    def why_aborted(self) -> Ending:
        """What the session has given its connection up for."""
        lost_by = self._machine.connection.lost_by
        return lost_by if lost_by is not None else Ending(Cause.CLOSED_BY_US, 1006)

    def failed(self, ending: Ending) -> None:
        """A connection could not be opened."""
        self._close(ending)

    def closed(self, ending: Ending) -> None:
        self._close(ending)

    def _close(self, ending: Ending) -> None:
        by = closed_by(ending.cause)
        row = self._row("out" if by == "guestd" else "in", "close")
        row.name, row.code, row.by = ending.cause.value, ending.code, by
        row.reason = cleaned(ending.detail, self._secrets)[:REASON_MAX]
        self._ring.add(row)

    # ------------------------------------------------------------------ frames in

    def received(self, frame: bytes, take: Callable[[bytes], None]) -> None:
        """`take` is what the session does with it."""
        row = self._taken = self._ring.add(self._text_row("in", frame))
        before = self._machine.seq
        try:
            take(frame)
        finally:
            self._taken = None
        if self._machine.seq != before:
            row.seq = self._machine.seq

    def repeated(self) -> None:
        """The message of the frame that is being taken had been taken before."""
        if self._taken is not None:
            self._taken.repeated = True

    def pong_received(self) -> None:
        self._ring.add(self._row("in", "pong"))

    def ping_received(self, size_bytes: int) -> None:
        """It is answered at once, by the owner of the socket."""
        for direction, kind in (("in", "ping"), ("out", "pong")):
            row = self._row(direction, kind)
            row.size_bytes = size_bytes
            self._ring.add(row)

    def binary_received(self, size_bytes: int) -> None:
        row = self._row("in", "binary")
        row.size_bytes, row.cut = size_bytes, True
        self._ring.add(row)

    # ------------------------------------------------------------------ frames out

    def sent(self, frame: bytes) -> None:
        self._ring.add(self._text_row("out", frame))

    def pinged(self) -> None:
        self._ring.add(self._row("out", "ping"))

    # ------------------------------------------------------------------ rows

    def _row(self, direction: str, kind: str) -> FrameRow:
        connection = self._machine.connection
        return FrameRow(
            0,
            self._clock.epoch_ms(),
            direction,
            kind,
            connection.number,
            attempt=connection.attempt,
        )

    def _text_row(self, direction: str, frame: bytes) -> FrameRow:
        row, found = self._row(direction, "text"), frame_text(frame, self._secrets)
        row.size_bytes, row.name, row.code = len(frame), found.name, found.code
        row.tracing_id, row.text, row.cut = found.tracing_id, found.text, found.cut
        self._link(row, found)
        return row

    def _link(self, row: FrameRow, found: FrameText) -> None:
        """The command that this frame is of, by the ids that were drawn for its message."""
        commands = self._machine.conversation.outbound.commands
        traces = commands.traces or {}
        for trace in (found.tracing_id, found.marker):
            if trace and (command_id := traces.get(trace)):
                row.command_id = command_id
                accepted = commands.find(command_id)
                row.seq = accepted.seq if accepted is not None and row.direction == "out" else 0
                return


class TappedConnection:
    """A connection (the `Connection` port) whose frames are copied on their way out."""

    __slots__ = ("_is_closed", "_tap", "bare")

    def __init__(self, bare: Connection, tap: FrameTap) -> None:
        self.bare = bare
        self._tap = tap
        self._is_closed = False

    def send_text(self, text: bytes) -> None:
        self._tap.sent(text)
        self.bare.send_text(text)

    def ping(self) -> None:
        self._tap.pinged()
        self.bare.ping()

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._tell_close(Ending(Cause.CLOSED_BY_US, code, reason))
        self.bare.close(code, reason)

    def abort(self) -> None:
        self._tell_close(self._tap.why_aborted())
        self.bare.abort()

    def pause_reading(self) -> None:
        self.bare.pause_reading()

    def resume_reading(self) -> None:
        self.bare.resume_reading()

    def peer(self) -> str:
        return self.bare.peer()

    def _tell_close(self, ending: Ending) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._tap.closed(ending)


def bare(connection: Connection) -> Connection:
    """The connection itself, whether or not it is tapped."""
    return connection.bare if isinstance(connection, TappedConnection) else connection
