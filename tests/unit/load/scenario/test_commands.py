"""`guestd load init`, `check` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.load.scenario.example import example_text
from guestd.load.scenario.reader import read_file
from guestd.load.scenario.schema import scenario_schema_text

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "load").rglob("*.yml"))


def guestd(*arguments):
    done = CliRunner().invoke(app, ["load", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_init_writes_an_example_that_check_accepts_and_the_schema_beside_it(tmp_path):
    path = tmp_path / "parcel.yml"
    code, said, _ = guestd("init", path)
    assert code == 0 and "guestd-scenario.schema.json beside it" in said
    assert (tmp_path / "guestd-scenario.schema.json").read_text() == scenario_schema_text()
    assert guestd("check", path) == (0, f"{path}: 2 scenarios, 13 steps\n", "")
    assert guestd("init")[:2] == (0, example_text())


def test_init_overwrites_nothing(tmp_path):
    path = tmp_path / "parcel.yml"
    path.write_text("mine")
    code, _, told = guestd("init", path)
    assert code == 2 and "already exists" in told and path.read_text() == "mine"
    code, _, told = guestd("init", tmp_path / "no" / "parcel.yml")
    assert code == 2 and "cannot be written: no such file or directory" in told


def test_check_tells_the_problems_of_every_file(tmp_path):
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text("scenarios: {A: [{repeat: {times: 2, steps: [say: a]}}]}")
    bad.write_text("scenarios:\n  A:\n    - sya: hi\n    - say: 1\n")
    code, said, told = guestd("check", good, bad)
    assert (code, said) == (2, f"{good}: 1 scenario, 2 steps\n")
    assert told.splitlines() == [
        f"guestd: {bad}:3: scenarios.A[0].sya: is not a known step; did you mean say?",
        f'guestd: {bad}:4: scenarios.A[1].say: must be a text, and is 1; put it in quotes: "1"',
    ]


def test_check_answers_programs_in_json(tmp_path):
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text("scenarios: {A: [say: a]}")
    bad.write_text("scenarios: {A: [say: 1]}")
    code, said, told = guestd("check", good, bad, tmp_path / "no.yml", "--json")
    found = json.loads(said)
    assert (code, told, found["ok"]) == (2, "", False)
    one, two, three = found["files"]
    assert one == {"file": str(good), "ok": True, "scenarios": 1, "steps": 1, "notes": []}
    assert two["problems"] == [
        {
            "line": 1,
            "key": "scenarios.A[0].say",
            "problem": "must be a text, and is 1",
            "remedy": 'put it in quotes: "1"',
        }
    ]
    assert "cannot be read" in three["problems"][0]["problem"]


def test_schema_prints_the_schema():
    assert guestd("schema")[:2] == (0, scenario_schema_text())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_good(path):
    assert read_file(path).scenarios


def test_there_are_ten_examples_for_the_emulator_and_four_of_the_testers_shape():
    for_emulator = [
        path for path in EXAMPLES if "agent:" in path.read_text() and path.parent.name == "load"
    ]
    assert len(for_emulator) == 10
    assert len([path for path in EXAMPLES if path.parent.name == "tester"]) == 4
