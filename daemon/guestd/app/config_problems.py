"""What is wrong with a configuration: where it was written, the key, the problem, the remedy."""

from __future__ import annotations

import re
from pathlib import Path

from ..model.errors import GuestdError
from .config_lines import KeyPath, key_lines


class ConfigPlaces:
    """Where each key was written. `file` is None if there is none, `line` where all is wrong at
    one line."""

    def __init__(self, file: Path | None = None, line: int | None = None) -> None:
        self.file, self.line = file, line
        self.text = ""
        #: Variables of the environment and options of the command line by the key they set.
        self.names: dict[str, str] = {}

    def of(self, problem: str) -> str:
        """`problem` begins with its key, as in "simulator.port: must be …"."""
        path = _path_of(problem.partition(": ")[0])
        key = ".".join(map(str, path[:2]))
        if key in self.names:
            return self.names[key]
        if self.file is None:
            return "configuration"
        line = self.line_of(problem)
        return f"{self.file}:{line}" if line is not None else str(self.file)

    def line_of(self, problem: str) -> int | None:
        """None for what is not in a line of the file."""
        path = _path_of(problem.partition(": ")[0])
        if self.file is None or ".".join(map(str, path[:2])) in self.names:
            return None
        return self.line or key_lines(self.text).line_of(path)


class ConfigProblems(GuestdError):
    """Everything that is wrong with a configuration, a line each, in the order of the file, and
    before that what is not in it. `problems` are without their places."""

    code = "config"
    exit_code = 78

    def __init__(self, places: ConfigPlaces, problems: list[str]) -> None:
        self.problems = sorted(problems, key=lambda one: places.line_of(one) or 0)
        self.lines = [f"{places.of(problem)}: {problem}" for problem in self.problems]
        super().__init__("\n".join(self.lines))


def _path_of(key: str) -> KeyPath:
    """`platform.oauth_clients[0].secret` and `webhooks.targets.0.url` alike."""
    parts = re.sub(r"\[(\d+)\]", r".\1", key).split(".")
    return tuple(int(part) if re.fullmatch("[0-9]{1,9}", part) else part for part in parts)
