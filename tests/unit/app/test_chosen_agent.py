"""`--agent` of `guestd load` and `guestd test`: who answers in the emulator of the run."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.commands.load_arguments import chosen_agent

RUNNING = "http://localhost:8080"


def test_it_is_the_one_asked_for_where_an_emulator_is_started():
    assert chosen_agent("faq", None, None, None) == "faq"
    assert chosen_agent("faq", None, None, "") == "faq"
    assert chosen_agent(None, RUNNING, None, None) == chosen_agent(None, None, None, "x") == "human"


@pytest.mark.parametrize(
    ("places", "remedy"),
    [
        ((RUNNING, None, None), f'curl {RUNNING}/__emulator/settings -d \'{{"agent": "faq"}}\''),
        ((RUNNING, None, None), "guestd emulate --agent faq"),
        ((None, "localhost:3000", None), "emulator.agent in its configuration"),
        ((None, None, "mypurecloud.de"), "leave it out"),
    ],
)
def test_it_is_refused_with_the_remedy_where_others_answer(places, remedy):
    with pytest.raises(typer.BadParameter) as refused:
        chosen_agent("faq", *places)
    assert remedy in str(refused.value)


@pytest.mark.parametrize("command", ["load", "test"])
def test_both_commands_refuse_it(command, tmp_path):
    path = tmp_path / "talk.yml"
    path.write_text("scenarios:\n  Talk:\n    - say: hello\n")
    done = CliRunner().invoke(app, [command, str(path), "--agent", "faq", "--emulator", RUNNING])
    assert done.exit_code == 2 and "--agent" in done.output
