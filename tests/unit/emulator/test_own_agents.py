"""A scripted agent from a file of one's own."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config
from guestd.app.wiring.endpoints import new_emulator
from guestd.emulator.agents.script import built_in, load_script, script_of

PAGE = Path(__file__).parents[3] / "docs" / "emulator.md"
GOOD = 'nickname = "Mia"\ndefault = [{ say = "You said: {text}" }]\n'


def test_the_example_of_the_documents_is_a_script(tmp_path):
    (example,) = re.findall(
        r"``` { .toml title=\"mine.toml\" }\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    path = tmp_path / "mine.toml"
    path.write_text(example)
    script = load_script(script_of(str(path)))
    assert script.answer("my parcel", "", 1)[0]["quick_replies"]["options"][0] == ["Track", "TRACK"]
    assert script.answer("", "TRACK", 2)[1] == {"say": "It is on its way."}
    path.with_suffix(".json").write_text(json.dumps(built_in()["menu"]))
    assert script_of(str(path.with_suffix(".json"))) == built_in()["menu"]


def test_the_embedded_emulator_takes_one_too(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    config = load_config(None, {"GUESTD_EMULATOR__AGENT": str(path)})
    assert new_emulator(config).world.script.nickname == "Mia"
    path.write_text("nickname = 3\n")
    with pytest.raises(ConfigProblems, match=r"emulator\.agent: .*mine\.toml: nickname: must be"):
        load_config(None, {"GUESTD_EMULATOR__AGENT": str(path)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nicknam = 'x'", "nicknam: is unknown; known are nickname"),
        ("default = 'x'", "default: must be a list of steps"),
        ("default = ['x']", "default[0]: must be one step: wait_s"),
        ("default = [{say = 3}]", "default[0].say: must be text"),
        ("default = [{say = []}]", "default[0].say: must be text, or a list of texts"),
        ("default = [{say = 'a', wait_s = 1}]", "default[0]: must be one step"),
        ("default = [{quick_replies = {options = ['a']}}]", "default[0].quick_replies: must be te"),
        ("rules = 3", "rules: must be a list"),
        ("[[rules]]\nmatch = 'a'", "rules[0]: steps is missing"),
        ("[[rules]]\nmatch = '('\nsteps = []", "rules[0].match: must be a regular expression"),
        ("[[rules]]\nmach = 'a'\nsteps = []", "rules[0].mach: is unknown"),
        ("[[rules]]\nfile = 'a'\nsteps = []", "rules[0].file: must be true or false"),
        ("[[rules]]\nafter = 'a'\nsteps = []", "rules[0].after: must be a whole number"),
        ("nickname = ", "mine.toml: "),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, expected):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(expected)):
        script_of(str(path))


def test_the_command_names_the_file(tmp_path):
    done = CliRunner().invoke(app, ["emulate", "--agent", str(tmp_path / "none.toml")])
    assert done.exit_code == 2 and "cannot be read" in done.output
    done = CliRunner().invoke(app, ["emulate", "--agent", "bob"])
    assert done.exit_code == 2 and "echo, faq" in done.output


@pytest.mark.timeout(20)
def test_a_pipe_in_its_place_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(ValueError, match=r"mine\.toml must be a regular file"):
        script_of(str(tmp_path / "mine.toml"))
