"""What the reading of one scenario file carries along: the problems found so far, the names that
texts may use, and the way to the files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .problems import PROBLEMS_MAX, FileProblem, nearest
from .steps import REPLY_WITHIN_S, Place
from .templates import KNOWN_NAMES, has_empty_name, names_in
from .yaml_tree import YamlNode

#: A thousand scenarios of ten steps: more is generated, and `data` and `repeat` say it shorter.
STEPS_MAX = 10_000


class FilesBeside(Protocol):
    """The files that a scenario file names, by their path in it."""

    def bytes_of(self, path: str, bytes_max: int) -> bytes:
        """Raises OSError, and ValueError if there are more."""

    def size_of(self, path: str) -> int:
        """In bytes. Raises OSError."""

    def place_of(self, path: str) -> str:
        """The same path from where the program runs."""


@dataclass(slots=True)
class FileReading:
    """`names`: what texts may use here, None outside of scenarios. `captured` joins it at the end
    of the step. `rule_keys`: of the thresholds that can be read, in their order."""

    path: str
    files: FilesBeside
    reply_within_s: float = REPLY_WITHIN_S
    problems: list[FileProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: set[str] | None = None
    columns: set[str] = field(default_factory=set)
    captured: set[str] = field(default_factory=set)
    steps: int = 0
    personas: list[tuple[YamlNode, str]] = field(default_factory=list)
    rule_keys: list[str] = field(default_factory=list)

    def wrong(self, node: YamlNode, key: str, problem: str, remedy: str) -> None:
        self.problems.append(FileProblem(node.line, key, problem, remedy))

    @property
    def is_full(self) -> bool:
        """Whether there are as many problems as are looked for."""
        return len(self.problems) >= PROBLEMS_MAX

    def place(self, node: YamlNode) -> Place:
        return Place(self.path, node.line)

    def note(self, node: YamlNode, text: str) -> None:
        self.notes.append(f"{self.path}:{node.line}: {text}")

    def begin_scenario(self, columns: Iterable[str]) -> None:
        self.columns = set(columns)
        self.names = {*KNOWN_NAMES, *self.columns}
        self.captured = set()

    def name_capture(self, node: YamlNode, key: str, name: str) -> None:
        if name in self.columns:
            self.wrong(node, key, "is a column of the data already", "give it another name")
        self.captured.add(name)

    def end_scenario(self) -> None:
        self.names = None

    def end_step(self) -> None:
        if self.names is not None:
            self.names |= self.captured
        self.captured = set()

    def check_names(self, node: YamlNode, key: str, text: str) -> None:
        if self.names is None or "${" not in text:
            return
        if has_empty_name(text):
            self.wrong(node, key, "has ${} without a name", "name a capture or a column")
        for name in dict.fromkeys(names_in(text)):
            if name not in self.names and not self.is_full:
                self.wrong(node, key, f"${{{name}}} is not known here", self._remedy(name))

    def _remedy(self, name: str) -> str:
        near = nearest(name, sorted(self.names or ()), "known here")
        return f"{near} (a plain text is written $${{{name}}})"


def words_of(several: Sequence[str]) -> str:
    """a, b or c"""
    if len(several) < 2:
        return "".join(several)
    return f"{', '.join(several[:-1])} or {several[-1]}"
