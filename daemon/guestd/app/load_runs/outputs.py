"""The files that a run leaves: each written when the run is over, from its summary alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ...load.report.csv_rows import points_csv, steps_csv
from ...load.report.html import report_html
from ...load.report.junit import junit_xml
from ...load.report.openmetrics import openmetrics
from ...load.results import Summary
from ...model.errors import ConfigError

REMEDY = "name another place"


@dataclass(slots=True)
class Written:
    """`failures`: a ConfigError for each file that could not be written."""

    paths: list[Path] = field(default_factory=list)
    failures: list[ConfigError] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class OutputFiles:
    """None: not wanted. `csv` is the rows over time; the steps go to `NAME.steps.csv` beside it."""

    summary: Path | None = None
    report: Path | None = None
    junit: Path | None = None
    csv: Path | None = None
    openmetrics: Path | None = None

    def unwritable(self, scenarios: Iterable[Path] = ()) -> tuple[str, str] | None:
        """The option whose file cannot be written, or is another's or a scenario, and why, as far
        as that shows before the run; None if all can."""
        for option, path, _ in self._wanted():
            if why := _why_not(path):
                return option, f"{path} cannot be written: {why}; {REMEDY}"
        return self._written_twice(scenarios)

    @property
    def options(self) -> list[str]:
        """Those that name a file."""
        return list(dict.fromkeys(option for option, _, _ in self._wanted()))

    def _written_twice(self, scenarios: Iterable[Path]) -> tuple[str, str] | None:
        """Of two outputs in one file, only the later would be left, and nothing of a scenario."""
        kept = {_file_of(one) for one in scenarios}
        writers: dict[object, str] = {}
        for option, path, _ in self._wanted():
            if (file := _file_of(path)) in kept:
                return option, f"{path} is the scenario file; {REMEDY}"
            if (other := writers.setdefault(file, option)) != option:
                return option, f"{path} is what {other} writes, too; {REMEDY}"
        return None

    def write(self, summary: Summary) -> Written:
        """Each of them, whatever becomes of the others."""
        done = Written()
        for option, path, draw in self._wanted():
            try:
                path.write_text(draw(summary), encoding="utf-8")
                done.paths.append(path)
            except OSError as bad:
                failure = ConfigError(option, f"{path} cannot be written: {_words(bad)}", REMEDY)
                failure.__cause__ = bad
                done.failures.append(failure)
        return done

    def _wanted(self) -> Iterator[tuple[str, Path, Callable[[Summary], str]]]:
        steps = self.csv.with_suffix(".steps.csv") if self.csv and self.csv.name else None
        files: list[tuple[str, Path | None, Callable[[Summary], str]]] = [
            ("--summary", self.summary, summary_json),
            ("--report", self.report, report_html),
            ("--junit", self.junit, junit_xml),
            ("--csv", self.csv, points_csv),
            ("--csv", steps, steps_csv),
            ("--openmetrics", self.openmetrics, openmetrics),
        ]
        for option, path, draw in files:
            if path is not None:
                yield option, path, draw


def _why_not(path: Path) -> str:
    """ "" if it can be written, as far as that can be told without writing."""
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return _why_none_there(path.parent)
    except OSError as bad:
        return _words(bad)
    if is_directory:
        return "it is a directory"
    return "" if os.access(path, os.W_OK) else "no right to write it"


def _file_of(path: Path) -> object:
    """Equal for two paths that lead to the same file, and for no two where nothing is kept: a
    device, a pipe, the process's own output."""
    if path.absolute().parts[1:2] == ("dev",):
        return object()
    try:
        found = path.stat()
    except FileNotFoundError:
        return path.resolve()
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else object()


def _why_none_there(directory: Path) -> str:
    if not directory.exists():
        return f"there is no directory {directory}"
    if not directory.is_dir():
        return f"{directory} is no directory"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"no right to write in {directory}"
    return ""


def _words(bad: OSError) -> str:
    return (bad.strerror or str(bad)).lower()


def summary_json(summary: Summary) -> str:
    return msgspec.json.format(msgspec.json.encode(summary), indent=1).decode() + "\n"
