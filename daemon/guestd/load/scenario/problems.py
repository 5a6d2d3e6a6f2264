"""What is wrong with a scenario file: all of it, each with line, key, problem and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from ...model.errors import GuestdError

#: More than a person mends at a time; the rest is counted.
SHOWN_MAX = 100
#: Then the reading ends: a file of only mistakes is another kind of file.
PROBLEMS_MAX = 1_000


@dataclass(slots=True, frozen=True, order=True)
class FileProblem:
    """`line` from 1; 0: of the file as a whole. `key`: the way to it, as in
    `scenarios.Parcel[2].say`, or ""."""

    line: int
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        said = f"{self.problem}; {self.remedy}" if self.remedy else self.problem
        return f"{self.key}: {said}" if self.key else said


class ScenarioFileError(GuestdError):
    """A scenario file that cannot be used. `problems` are in the order of their lines."""

    code = "scenario_file"
    exit_code = 2

    def __init__(self, path: str, problems: Iterable[FileProblem]) -> None:
        self.path = path
        self.problems = tuple(sorted(set(problems)))
        lines = [f"{path}{f':{one.line}' * (one.line > 0)}: {one}"
            for one in self.problems[:SHOWN_MAX]]  # fmt: skip
        if len(self.problems) > SHOWN_MAX:
            lines.append(f"{path}: and {len(self.problems) - SHOWN_MAX} more problems")
        super().__init__("\n".join(lines))


def nearest(word: str, known: Iterable[str], lists: str = "known") -> str:
    """A remedy for a word that is not known: the one that was meant, or all there are."""
    names = list(known)
    folded = {one.lower(): one for one in names}
    if near := get_close_matches(word.lower(), folded, n=1):
        return f"did you mean {folded[near[0]]}?"
    return f"{lists}: {', '.join(names)}" if names else "leave it out"
