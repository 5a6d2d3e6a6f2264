"""What the API refuses of a field is told by the option that gave it; a shell completes words."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.commands.option_names import with_option


def refusal(field, detail):
    return {"code": "invalid", "field": field, "detail": f"{field}: {detail}"}


@pytest.mark.parametrize(
    ("field", "detail", "said"),
    [
        ("command_id", "must be short", "--id: must be short"),
        ("operation_id", "must be short", "--id: must be short"),
        (
            "duration_s",
            "7200.0 is too large; the maximum is 2700.0",
            "--duration: 2h is too long; at most 45m",
        ),
        (
            "duration_s",
            "0.5 is too small; the minimum is 1",
            "--duration: 0.5s is too short; at least 1s",
        ),
        ("duration_s", "must be a number", "--duration: must be a number"),
        ("text", "must not be empty", "text: must not be empty"),
    ],
)
def test_a_refusal_names_the_option_and_times_have_units(field, detail, said):
    assert with_option(refusal(field, detail))["detail"] == said


def test_a_refusal_of_no_field_stays_as_it_is():
    problem = {"code": "not_found", "detail": "there is none"}
    assert with_option(problem) == problem


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sessions list --state l", ["live", "leaving"]),
        ("chat --agent ", ["echo", "faq", "goodbye", "handover", "human", "menu", "silent"]),
        ("emulate --agent m", ["menu"]),
        ("load a.yaml --agent h", ["handover", "human"]),
        ("test a.yaml --agent e", ["echo"]),
        ("emulate --agent ./", []),
    ],
)
def test_a_shell_completes_the_words_of_an_option(words, offered):
    env = {
        "_GUESTD_COMPLETE": "complete_bash",
        "COMP_WORDS": f"guestd {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
    }
    done = CliRunner().invoke(app, [], prog_name="guestd", env=env)
    assert done.stdout.split() == offered
