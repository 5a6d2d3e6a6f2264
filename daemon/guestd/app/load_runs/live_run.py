"""A run as the console and `/v1/load` show it: told each second, and at the end what it came to."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Literal

from ...load.measure.live_points import LivePoints
from ...load.measure.live_view import LiveView
from ...load.measure.partial import Partial
from ...load.report.live_figures import live_figures, live_point
from ...load.report.plan_words import plan_in_words
from ...load.report.words import validity, verdict, what_went_wrong
from ...load.results import Summary
from ...model.errors import CommandError
from ...runtime.clock import epoch_ms
from .options import RunOptions

State = Literal["starting", "running", "stopping", "comparing", "over"]

#: Of this form.
VERSION = 1


class LiveRun:
    """A `LoadRun`. `on_stop` is called with whether to leave at once. Points cost a few hundred KiB
    at most, however long the run is."""

    def __init__(self, options: RunOptions, name: str, on_stop: Callable[[bool], None]) -> None:
        self.id = options.run_id
        self.version = 1
        self.target = ""
        self.stopped_by = ""
        self._options, self._name, self._on_stop = options, name, on_stop
        self._state: State = "starting"
        self._started_at = 0
        self._points = LivePoints()
        self._now: dict[str, Any] | None = None
        self._verdict: dict[str, Any] | None = None
        self._listeners: set[Callable[[], None]] = set()

    @property
    def is_over(self) -> bool:
        return self._state == "over"

    # ------------------------------------------------------------------ who looks

    def shown(self, after: int = 0) -> dict[str, Any]:
        is_stopping = self._state == "running" and bool(self.stopped_by)
        return {
            "version": VERSION,
            "id": self.id,
            "name": self._name,
            "state": "stopping" if is_stopping else self._state,
            "target": self.target,
            "plan": plan_in_words(self._options.model),
            "started_at": self._started_at,
            "at": epoch_ms(),
            "seed": self._options.seed,
            "workers": self._options.workers,
            "stopped_by": self.stopped_by,
            "now": self._now,
            "verdict": self._verdict,
            "points": [live_point(one) for one in self._points.since(after)],
            "next": self.version,
        }

    def stop(self, at_once: bool) -> None:
        if self._state == "starting":
            raise CommandError("the run has not begun; try again in a moment", code="conflict")
        if self._state != "running":
            raise CommandError("the guests of the run are done already", code="conflict")
        self._on_stop(at_once)

    def listen(self, told: Callable[[], None]) -> None:
        self._listeners.add(told)

    def leave(self, told: Callable[[], None]) -> None:
        self._listeners.discard(told)

    # ------------------------------------------------------------------ what is told

    def begin(self, started_at: int) -> None:
        self._state, self._started_at = "running", started_at
        self._tell()

    def measured(self, partial: Partial) -> None:
        self._points.take(partial)

    def second(self, view: LiveView) -> None:
        self._show(view, int(view.elapsed_s))

    def stopping(self, why: str) -> None:
        self.stopped_by = why
        self._tell()

    def compare(self) -> None:
        """The guests are done."""
        self._state = "comparing"
        self._tell()

    def finish(self, view: LiveView, summary: Summary) -> None:
        found, wrong = verdict(summary), what_went_wrong(summary)
        self._verdict = {
            "kind": found.kind,
            "words": found.words,
            "what_went_wrong": wrong[:1].upper() + wrong[1:],
            "validity": " ".join(validity(summary)),
            "exit_code": summary.exit_code,
        }
        self._state = "over"
        self._show(view, ceil(view.elapsed_s))

    def _show(self, view: LiveView, until_s: int) -> None:
        self._now = live_figures(view)
        self._points.settle(until_s, self.version + 1)
        self._tell()

    def _tell(self) -> None:
        self.version += 1
        for told in list(self._listeners):
            told()
