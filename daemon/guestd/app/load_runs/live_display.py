"""What a person or a program sees while a run lasts: a screen in place on a terminal, one JSON line
a second elsewhere."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from typing import TextIO

from ...load.measure.live_view import LiveView
from ...load.report.console_lines import json_line, live_screen
from ...observe import terminal_text
from .said import write

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
    _is_begun: bool = False
    _notes: list[str] = field(default_factory=list)

    @property
    def is_screen(self) -> bool:
        return not self.quiet and self.stream.isatty()

    def begin(self) -> None:
        self._is_begun = True
        if self.is_screen:
            write(self.stream, _ENTER)

    def end(self) -> None:
        if self.is_screen:
            write(self.stream, _LEAVE)
        for text in self._notes:
            write(self.stream, f"{text}\n")
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
            write(self.stream, f"{terminal_text.json_line({'note': text})}\n")
        return True

    def show(self, view: LiveView) -> None:
        if self.is_screen:
            width, height = shutil.get_terminal_size()
            lines = live_screen(view, width, height, self.colour).split("\n")
            text = f"{_CLEAR_LINE}\r\n".join(lines)
            write(self.stream, f"{_HOME}{text}{_CLEAR_LINE}{_CLEAR_BELOW}")
        elif not self.quiet:
            write(self.stream, f"{json_line(view)}\n")
