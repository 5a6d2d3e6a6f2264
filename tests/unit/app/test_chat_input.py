"""What a line typed into `guestd chat` means."""

from __future__ import annotations

import pytest

from guestd.app.chat.input_lines import InputLine, Verb, read_line


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("  hello \n", InputLine(Verb.SAY, "hello")),
        ("//etc/passwd is what I mean", InputLine(Verb.SAY, "/etc/passwd is what I mean")),
        ("/12", InputLine(Verb.CHOOSE, number=12)),
        ("/file a.pdf the bill", InputLine(Verb.FILE, "/file a.pdf the bill")),
        ("/file", InputLine(Verb.FILE, "/file")),
        ("/end", InputLine(Verb.END, "/end")),
    ],
)
def test_a_line_is_a_text_a_choice_or_a_command(line, found):
    assert read_line(line) == found


def test_an_empty_line_is_nothing():
    assert read_line(" \n") is None


@pytest.mark.parametrize("line", ["/flie secret.png", "/²", "/", "/" + "9" * 5000, "/etc/passwd"])
def test_a_mistyped_command_is_never_sent(line):
    assert read_line(line).verb is Verb.REFUSED


def test_a_mistyped_command_is_told_the_right_one_and_how_to_send_it_as_text():
    said = read_line("/flie secret.png").text
    assert "did you mean /file?" in said and "//flie secret.png would send it as text" in said


def test_a_command_with_something_behind_it_is_refused():
    """ "/end of story" must not end the conversation."""
    assert read_line("/end of story").verb is Verb.REFUSED
