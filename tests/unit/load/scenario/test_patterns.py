"""Regular expressions: Python's, with what JavaScript's have in files of the tester."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.scenario.patterns import PATTERN_MAX, as_python
from tests.unit.load.scenario.reading_helpers import step, step_problems


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"(?<day>\w+) or \k<day>", "now or now", "now or now"),
        (r"(?P<day>\w+) or (?P=day)", "now or now", "now or now"),
        (r"(?<=a)b(?<!c)", "ab", "b"),
        ("[[a]+", "x[a[", "[a["),
        ("[^[a]", "[ab", "b"),
        ("[]a]+", "a]", "a]"),
        (r"[\[a&&b]+", "a&b[", "a&b["),
        (r"\[[0-9]+\]", "[12]", "[12]"),
    ],
)
def test_an_expression_finds_what_it_found_where_it_comes_from(pattern, text, found):
    match = re.search(as_python(pattern), text)
    assert match is not None and match[0] == found


def test_an_expression_is_kept_as_python_has_it():
    assert step("- waitForReplyMatching: '(?<n>[[a])'").matching == r"(?P<n>[\[a])"


def test_one_that_is_longer_than_a_message_is_refused():
    told = step_problems(f"- waitForReplyMatching: {'a' * (PATTERN_MAX + 1)}")
    assert told == ["3 [0].waitForReplyMatching: is longer than 4096 signs; look for less"]


@given(st.text(r"[]^-&|~\()?<>{}.*+Pnk=:!$a1", max_size=12))
def test_any_expression_is_read_or_refused_without_a_warning(pattern):
    quoted = pattern.replace("'", "''")
    if step_problems(f"- waitForReplyMatching: '{quoted}'") == []:
        kept = step(f"- waitForReplyMatching: '{quoted}'").matching
        re.compile(re.sub(r"\$\{[^{}]*\}", "x", kept))
        assert as_python(kept) == kept
