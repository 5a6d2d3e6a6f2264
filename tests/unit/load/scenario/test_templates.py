"""Names in texts: which are known where, and what is put in."""

from __future__ import annotations

import pytest

from guestd.load.scenario.templates import literal, names_in, parts_of
from tests.unit.load.scenario.reading_helpers import problems, step_problems


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no names", ("no names",)),
        ("${a} and ${ b c }", ("", "a", " and ", "b c", "")),
        ("$${a} costs $5", ("${a} costs $5",)),
        ("${a", ("${a",)),
        ("${} ${a}", ("${} ", "a", "")),
    ],
)
def test_a_text_is_cut_into_plain_parts_and_names(text, wanted):
    assert parts_of(text) == wanted


@pytest.mark.parametrize("text", ["${a}", "$${a}", "$$$${a}", "${", "$", "${${a}}"])
def test_a_literal_text_stays_what_it_is(text):
    assert parts_of(literal(text)) == (text,)


def test_names_are_found_in_their_order():
    assert names_in("${b} $${no} ${ a } ${} ${b}") == ["b", "a", "b"]


def test_a_name_is_a_capture_of_an_earlier_step_a_column_or_a_known_word():
    text = """\
        scenarios:
          A:
            data: [{order: 1}]
            guest: {name: "${order} ${guest.number} ${run.id} ${number}"}
            steps:
              - say: ${order} ${guest.name} ${number}
              - expect: {containing: "${number}", capture: {number: "(.)"}}
              - say: ${number}
              - repeat: {times: 2, steps: [say: "${later}", expect: {capture: {later: "(.)"}}, say: "${later}"]}
          B:
            - say: ${order} ${number}
        """
    assert problems(text) == [
        f"{line} scenarios.{key}: ${{{name}}} is not known here; {remedy} (a plain text is written $${{{name}}})"
        for line, key, name, remedy in [
            (4, "A.guest.name", "number", "did you mean guest.number?"),
            (6, "A.steps[0].say", "number", "did you mean guest.number?"),
            (7, "A.steps[1].expect.containing", "number", "did you mean guest.number?"),
            (9, "A.steps[3].repeat.steps[0].say", "later", "known here: guest.name, guest.number, number, order, run.id"),
            (11, "B[0].say", "number", "did you mean guest.number?"),
            (11, "B[0].say", "order", "known here: guest.name, guest.number, run.id"),
        ]
    ]  # fmt: skip


def test_a_name_that_is_empty_or_a_column_twice_is_refused():
    assert step_problems("- say: ${}") == [
        "3 [0].say: has ${} without a name; name a capture or a column"
    ]
    text = "scenarios: {A: {data: [{n: 1}], steps: [expect: {capture: {n: (.)}}]}}"
    assert problems(text) == [
        "1 scenarios.A.steps[0].expect.capture.n: is a column of the data already; give it another name"
    ]


def test_columns_that_could_not_be_read_are_not_reported_again_where_they_are_used():
    assert len(problems("scenarios: {A: {data: no.csv, steps: [say: '${order}']}}")) == 1


def test_a_regular_expression_may_have_names():
    assert step_problems("- waitForReplyMatching: ^${guest.name}$") == []
    assert len(step_problems("- waitForReplyMatching: ^${guest.nmae}$")) == 1
