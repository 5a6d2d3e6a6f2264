"""What a failure prints: 200 lines at most, so that the cause is not lost in a log of thousands.

Kept are the beginning and the end of the traceback, and the end of what was captured. All of it:
`TEST_OUTPUT=all make test`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence

import pytest

TRACEBACK_FIRST, TRACEBACK_LAST, LINE_CHARACTERS = 35, 55, 800
#: Of each of standard output, standard error and the log; what a teardown says matters least.
CAPTURED_LINES = {"setup": 20, "call": 20, "teardown": 8}
STREAMS = 3
REASON_CHARACTERS = 200


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("TEST_OUTPUT") != "all":
        _shorten(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The list of failures at the end has a line for each; where `CI` is set, pytest would print
    the whole text again."""
    for kind in ("failed", "error"):
        for report in terminalreporter.getreports(kind):
            if isinstance(report.longrepr, str):
                report.longrepr = _reason(report.longrepr.splitlines())


def _reason(lines: Sequence[str]) -> str:
    said = [line.removeprefix("E").strip() for line in lines if line.startswith("E  ")]
    return (said or list(lines[-1:]) or [""])[0][:REASON_CHARACTERS]


def _shorten(report: pytest.TestReport) -> None:
    lines = report.longreprtext.splitlines() if report.failed else []
    kept = _cut(lines, TRACEBACK_FIRST, TRACEBACK_LAST)
    if kept != lines:
        report.longrepr = "\n".join(kept)
    report.sections = [
        (name, "\n".join(_cut(text.splitlines(), 0, CAPTURED_LINES[report.when])))
        for name, text in report.sections[-STREAMS:]
    ]


def _cut(lines: Sequence[str], first: int, last: int) -> list[str]:
    left_out = len(lines) - first - last
    if left_out > 0:
        said = f"… {left_out} lines left out; TEST_OUTPUT=all shows them …"
        lines = [*lines[:first], said, *lines[-last:]]
    return [_narrow(one) for one in lines]


def _narrow(line: str) -> str:
    left_out = len(line) - LINE_CHARACTERS
    return line if left_out <= 0 else f"{line[:LINE_CHARACTERS]}… {left_out} characters left out"
