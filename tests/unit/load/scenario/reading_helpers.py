"""Scenario files out of texts, with the files beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent

from guestd.load.scenario.problems import ScenarioFileError
from guestd.load.scenario.reader import scenario_file


@dataclass
class FilesInMemory:
    found: dict[str, bytes] = field(default_factory=dict)

    def bytes_of(self, path, bytes_max):
        if path not in self.found:
            raise FileNotFoundError(2, "No such file or directory", path)
        if len(self.found[path]) > bytes_max:
            raise ValueError(f" is larger than {bytes_max} bytes")
        return self.found[path]

    def size_of(self, path):
        return len(self.bytes_of(path, 1 << 60))

    def place_of(self, path):
        return path


def read(text, files=None, **options):
    data = text if isinstance(text, bytes) else dedent(text).encode()
    return scenario_file(data, "f.yml", FilesInMemory(files or {}), **options)


def problems(text, files=None):
    """`line key: problem; remedy` of each, in the order of the file."""
    try:
        read(text, files)
    except ScenarioFileError as bad:
        return [f"{one.line} {one}" for one in bad.problems]
    return []


def steps(text, files=None):
    """Of one scenario, given as its steps."""
    lines = [f"    {line}" for line in dedent(text).strip().splitlines()]
    (one,) = read("scenarios:\n  One:\n" + "\n".join(lines) + "\n", files).scenarios
    return one.steps


def step(text, files=None):
    (one,) = steps(text, files)
    return one


def step_problems(text, files=None):
    """Without line and the way to the scenario: of one that begins on line 3."""
    lines = [f"    {line}" for line in dedent(text).strip().splitlines()]
    found = problems("scenarios:\n  One:\n" + "\n".join(lines) + "\n", files)
    return [one.replace("scenarios.One", "", 1) for one in found]
