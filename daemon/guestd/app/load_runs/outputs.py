"""The files that a run leaves: each written when the run is over, from its summary alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ...load.report.csv_rows import points_csv, steps_csv
from ...load.report.html import report_html
from ...load.report.junit import junit_xml
from ...load.report.openmetrics import openmetrics
from ...load.results import Summary


@dataclass(slots=True, frozen=True)
class OutputFiles:
    """None: not wanted. `csv` is the rows over time; the steps go to `NAME.steps.csv` beside it."""

    summary: Path | None = None
    report: Path | None = None
    junit: Path | None = None
    csv: Path | None = None
    openmetrics: Path | None = None

    def write(self, summary: Summary) -> list[Path]:
        """Those that were written. Raises OSError."""
        steps = self.csv.with_suffix(".steps.csv") if self.csv is not None else None
        wanted: list[tuple[Path | None, Callable[[Summary], str]]] = [
            (self.summary, summary_json),
            (self.report, report_html),
            (self.junit, junit_xml),
            (self.csv, points_csv),
            (steps, steps_csv),
            (self.openmetrics, openmetrics),
        ]
        written = []
        for path, draw in wanted:
            if path is not None:
                path.write_text(draw(summary), encoding="utf-8")
                written.append(path)
        return written


def summary_json(summary: Summary) -> str:
    return msgspec.json.format(msgspec.json.encode(summary), indent=1).decode() + "\n"
