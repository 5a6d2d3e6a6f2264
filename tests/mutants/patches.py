"""A mutant: a patch that takes one promise of a contract away from the product, and the tests that
must notice.

    Row: AUTH-2
    Change: each caller fetches a token of its own
    Tests: tests/integration/rest/test_oauth.py::test_auth_2_concurrent_callers_share_one_fetch

    --- a/daemon/guestd/platform/oauth.py
    +++ b/daemon/guestd/platform/oauth.py
    @@ ...

`Tests:` may be left out: then it is the test that `docs/contracts.md` names for the row. It may
stand several times."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ROWS = ROOT / "docs" / "contracts.md"


@dataclass(frozen=True)
class Mutant:
    path: Path
    row: str
    change: str
    tests: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.path.stem

    def node_ids(self) -> tuple[str, ...]:
        """What pytest is to run."""
        return self.tests or tuple(node_id(name) for name in named_tests(self.row))

    def soonest_first(self) -> list[str]:
        """The same, so that a run which stops at the first failure is over early: tests that open
        no socket, then those that are named after a package which the patch changes."""

        def rank(test: str) -> tuple[bool, bool]:
            folders = set(test.partition("::")[0].split("/"))
            return "unit" not in folders, not folders & self._packages()

        return sorted(self.node_ids(), key=rank)

    def _packages(self) -> set[str]:
        return set(
            re.findall(r"^\+\+\+ b/daemon/guestd/(\w+)/", self.path.read_text(), re.MULTILINE)
        )


def all_mutants() -> list[Mutant]:
    return [read(path) for path in sorted(HERE.glob("*.patch"), key=_row_and_name)]


def read(path: Path) -> Mutant:
    """Raises ValueError with the file's name where the head of the patch does not say what it
    must."""
    head = path.read_text().partition("\n--- ")[0]
    said = re.findall(r"^(Row|Change|Tests): *(\S.*?) *$", head, re.MULTILINE)
    fields = {
        key: [value for other, value in said if other == key] for key in ("Row", "Change", "Tests")
    }
    if len(fields["Row"]) != 1 or len(fields["Change"]) != 1:
        raise ValueError(
            f"{path.name}: must begin with one line 'Row: ID' and one line 'Change: what is"
            " different'"
        )
    row = fields["Row"][0]
    if not path.name.startswith(f"{row}-"):
        raise ValueError(f"{path.name}: the name must begin with {row}-")
    return Mutant(path, row, fields["Change"][0], tuple(fields["Tests"]))


@cache
def rows() -> dict[str, tuple[str, ...]]:
    """The ids of all contracts, each with the tests that the page of contracts names for it."""
    found = {}
    for line in ROWS.read_text().splitlines():
        if match := re.match(r"\| ([A-Z]+-\d+) \|", line):
            found[match[1]] = tuple(re.findall(r"`(test_\w+)`", line))
    return found


def named_tests(row: str) -> tuple[str, ...]:
    if row not in rows():
        raise ValueError(f"{row} is not a row of {ROWS.name}")
    return rows()[row]


@cache
def _places() -> dict[str, str]:
    """Where each test function is defined; a method's class is part of its place."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        owner = ""
        for line in path.read_text().splitlines():
            if match := re.match(r"class (Test\w+)", line):
                owner = f"::{match[1]}"
            elif match := re.match(r"( *)(?:async )?def (test_\w+)", line):
                owner = owner if match[1] else ""
                found[match[2]] = f"{path.relative_to(ROOT)}{owner}::{match[2]}"
    return found


def node_id(test: str) -> str:
    """Raises ValueError for a test that is not there."""
    if test not in _places():
        raise ValueError(f"no test is called {test}")
    return _places()[test]


def _row_and_name(path: Path) -> tuple[str, int, str]:
    match = re.match(r"([A-Z]+)-(\d+)", path.name)
    return (match[1], int(match[2]), path.name) if match else ("", 0, path.name)
