"""What a person or a program sees while a run lasts: a screen in place on a terminal, one JSON line
a second elsewhere."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from math import inf
from typing import TextIO

from ...load.measure.merged import RunMeasures
from ...load.report.console_lines import LiveView, json_line, live_screen
from ...load.results import Point
from ...observe import terminal_text
from .run_result import GuestProcesses

#: To the top left; clear a line to its end, and the screen below.
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
#: A second screen, so that what was there before is back at the end.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@dataclass(slots=True)
class LiveDisplay:
    """`quiet`: nothing at all. `colour`: on a terminal only."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    quiet: bool = False
    colour: bool = True
    _title: str = ""
    _length_s: float = inf
    _is_begun: bool = False
    _notes: list[str] = field(default_factory=list)

    @property
    def is_screen(self) -> bool:
        return not self.quiet and self.stream.isatty()

    def begin(self, title: str, length_s: float) -> None:
        self._title, self._length_s, self._is_begun = title, length_s, True
        if self.is_screen:
            self.stream.write(_ENTER)

    def end(self) -> None:
        if self.is_screen:
            self.stream.write(_LEAVE)
        for text in self._notes:
            self.stream.write(f"{text}\n")
        self.stream.flush()
        self._notes.clear()
        self._is_begun = False

    def tell(self, text: str) -> bool:
        """A line for a person while the run lasts: under the screen when it is over, or among the
        JSON lines. False: nothing is shown now, so it may be said elsewhere."""
        if self.quiet or not self._is_begun:
            return False
        if self.is_screen:
            self._notes.append(text)
        else:
            self.stream.write(f"{terminal_text.json_line({'note': text})}\n")
        return True

    def show(self, at_s: float, measures: RunMeasures, run: GuestProcesses, stopping: bool) -> None:
        if self.quiet:
            return
        view = self._view(at_s, measures, run, stopping)
        if self.is_screen:
            width, height = shutil.get_terminal_size()
            lines = live_screen(view, width, height, self.colour).split("\n")
            text = f"{_CLEAR_LINE}\r\n".join(lines)
            self.stream.write(f"{_HOME}{text}{_CLEAR_LINE}{_CLEAR_BELOW}")
        else:
            self.stream.write(f"{json_line(view)}\n")
        self.stream.flush()

    def _view(
        self, at_s: float, measures: RunMeasures, run: GuestProcesses, stopping: bool
    ) -> LiveView:
        points = measures.recent.points(at_s)
        last = points[-1] if points else Point(at_s=0.0, length_s=1.0)
        left_s = None if self._length_s == inf else max(0.0, self._length_s - at_s)
        errors = [(what, count) for (_, what, _), count in measures.groups.failures.items()]
        return LiveView(
            title=self._title,
            elapsed_s=at_s,
            left_s=left_s,
            planned=sum(process.started for process in measures.processes.values()),
            guests=dict(run.states),
            opened=measures.count("live"),
            ended=measures.count("ended"),
            unconfirmed_end=measures.count("unconfirmed_end"),
            failed=measures.count("failed"),
            sent=measures.count("sent"),
            confirmed=measures.count("confirmed"),
            received=measures.count("received"),
            opened_per_s=last.opened,
            sent_per_s=last.sent,
            received_per_s=last.received,
            echo=measures.measure("echo_latency").percentiles(encoded=False),
            first_reply=measures.measure("first_reply").percentiles(encoded=False),
            echo_minute=[one.echo_ms.p95 for one in points],
            sent_minute=[float(one.sent) for one in points],
            waits=run.waits(),
            errors=sorted(errors, key=lambda pair: -pair[1]),
            warnings=sorted(measures.groups.warnings.items(), key=lambda pair: -pair[1]),
            stopping=stopping,
        )
