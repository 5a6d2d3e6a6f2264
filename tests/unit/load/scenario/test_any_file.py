"""Whatever a file is made of: it is read, or refused by the one error, with lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.scenario.example import example_text
from guestd.load.scenario.file_keys import FILE
from guestd.load.scenario.problems import ScenarioFileError
from guestd.load.scenario.step_values import STEP_KEYS
from guestd.load.scenario.tables import ByShape, KeyTable
from tests.unit.load.scenario.reading_helpers import read

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "load").rglob("*.yml"))
LINES = [
    line for path in EXAMPLES for line in path.read_text().splitlines()
] + example_text().splitlines()


def keys(kind, seen):
    """Every key that a table knows, and those below it."""
    if id(kind) in seen:
        return
    seen.add(id(kind))
    for one in kind.keys if isinstance(kind, KeyTable) else ():
        yield one.name
        yield from keys(one.kind, seen)
    if isinstance(kind, ByShape):
        yield from keys(kind.mapping, seen)


KNOWN = sorted({*keys(FILE, set()), *STEP_KEYS, "setup", "within", "name", "times", "every", "A"})


def refused_or_read(data):
    try:
        read(data)
    except ScenarioFileError as bad:
        assert bad.problems and str(bad).startswith("f.yml:")
        last = data.count(b"\n") + data.count(b"\r") + 1
        for one in bad.problems:
            assert 1 <= one.line <= max(last, 1) + data.count(b"\xe2\x80") + data.count(b"\xc2\x85")
            assert one.problem and one.remedy


@given(st.binary(max_size=200))
def test_any_bytes(data):
    refused_or_read(data)


@given(st.text("ab:-#'\"[]{}&*!|>%@`,?\\ \n\t~<$01.e", max_size=80))
def test_any_text_of_signs_that_mean_something(text):
    refused_or_read(text.encode())


words = st.sampled_from(
    [*KNOWN, "30s", "2s..5s", "hi", "${a}", "(", "-1", "1e999", "0x10", "", "a.png"]
)
values = st.recursive(
    words | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_values_under_any_keys(value):
    refused_or_read(json.dumps(value).encode())


@given(values)
def test_any_values_as_steps(value):
    refused_or_read(
        json.dumps({"scenarios": {"A": value if isinstance(value, list) else [value]}}).encode()
    )


@given(st.lists(st.sampled_from(LINES) | st.text(max_size=10), max_size=25))
def test_any_lines_of_good_files(lines):
    refused_or_read("\n".join(lines).encode())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_good_files_cut_short_anywhere(path):
    data = path.read_bytes()
    for end in range(0, len(data), 41):
        refused_or_read(data[:end])
