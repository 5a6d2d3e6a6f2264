"""The audit keeps why something failed, and never what was said."""

from __future__ import annotations

import pytest

from guestd.observe.quoted_texts import without_texts
from guestd.operations.failure_policy import problem_details
from guestd.operations.operation import Operation

SAID = "my card is 4111 1111 1111 1111, and the code on its back is 123"
REQUEST = {"messages": [{"from": "agent", "text": SAID}, {"text": "hello"}, {"html": "<b>no</b>"}]}


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("interaction.inject: the platform answered 409 ended; look", None),
        (
            f"400 not allowed: {SAID}; correct the request",
            "400 not allowed: …; correct the request",
        ),
        ("400 'my card is 4111' is not allowed", "400 '…' is not allowed"),
        ("400 text 4111 1111 1111 11... is too long", "400 text…... is too long"),
        ("400 hello is no word, othello is", "400 … is no word, othello is"),
        ('400 "123" is a secret', '400 "…" is a secret'),
    ],
)
def test_audit_1_words_of_an_error_are_kept_without_what_was_said(words, kept):
    assert without_texts(words, REQUEST) == (kept or words)


def test_http_3_each_error_of_a_list_is_kept_without_what_was_said():
    operation = Operation("o1", "injection", REQUEST, 0, "inject")
    errors = [{"message": f"bad: {SAID}", "code": "x"}]
    told = problem_details(operation, {"message": "no", "errors": errors})
    assert told == {"error_message": "no", "errors": [{"message": "bad: …", "code": "x"}]}
