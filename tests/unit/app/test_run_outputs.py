"""The files that a run leaves, and what it says, when they cannot be written or read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.load_runs.functional_told import ToldFile
from guestd.app.load_runs.outputs import OutputFiles
from guestd.app.load_runs.running import told_code
from guestd.app.load_runs.said import write
from guestd.load.results import CaseResult, Summary
from guestd.load.scenario.file import ScenarioFile

SCENARIO = "scenarios: {Hi: [{say: hi}]}\n"
FULL = Path("/dev/full")


@pytest.mark.parametrize("command", ["test", "load"])
@pytest.mark.parametrize("option", ["--report", "--junit", "--summary"])
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("none/a.x", "cannot be written: there is no directory"),
        ("", "cannot be written: it is a directory"),
        ("bot.yml/a.x", "cannot be written: not a directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_run(
    tmp_path, command, option, place, why
):
    path = tmp_path / "bot.yml"
    path.write_text(SCENARIO)
    words = [command, str(path), option, str(tmp_path / place)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "300"})
    assert done.exit_code == 2, done.output
    assert option in done.stderr and why in done.stderr and "name another place" in done.stderr
    assert not done.stdout


def test_what_a_dry_run_does_not_write_is_said(tmp_path):
    (tmp_path / "bot.yml").write_text(SCENARIO)
    words = ["load", f"{tmp_path}/bot.yml", "--dry-run"]
    outputs = ["--report", f"{tmp_path}/a.html", "--csv", f"{tmp_path}/a.csv"]
    done = CliRunner().invoke(app, [*words, *outputs])
    assert done.exit_code == 0
    assert done.stderr == "guestd: --dry-run runs nothing: nothing is written for --report, --csv\n"
    assert CliRunner().invoke(app, words).stderr == ""
    assert [one.name for one in tmp_path.iterdir()] == ["bot.yml"]


@pytest.mark.parametrize("command", ["load", "test"])
def test_a_scenario_is_not_written_over(tmp_path, command):
    scenario = tmp_path / "bot.yml"
    scenario.write_text(text := "scenarios:\n  A:\n    - say: hi\n")
    words = [command, str(scenario), "--report", f"{tmp_path}/x/../bot.yml"]
    (tmp_path / "x").mkdir()
    done = CliRunner().invoke(app, words, env={"COLUMNS": "300"})
    assert done.exit_code == 2 and scenario.read_text() == text
    assert "bot.yml is the scenario file; name another place" in done.stderr


def test_the_rows_of_the_steps_are_looked_at_as_well(tmp_path):
    (tmp_path / "rows.steps.csv").mkdir()
    found = OutputFiles(csv=tmp_path / "rows.csv").unwritable()
    assert found is not None and found[0] == "--csv"
    assert found[1] == f"{tmp_path}/rows.steps.csv cannot be written: it is a directory; " + (
        "name another place"
    )


@pytest.mark.parametrize("command", ["test", "load"])
@pytest.mark.parametrize("again", ["same.x", "./same.x", "link.x", "hard.x"])
def test_one_file_for_two_outputs_is_refused_before_the_run(tmp_path, command, again):
    (tmp_path / "bot.yml").write_text(SCENARIO)
    (tmp_path / "same.x").write_text("old")
    (tmp_path / "link.x").symlink_to("same.x")
    (tmp_path / "hard.x").hardlink_to(tmp_path / "same.x")
    words = [command, f"{tmp_path}/bot.yml", "--report", f"{tmp_path}/same.x"]
    words += ["--junit", f"{tmp_path}/{again}"]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "300"})
    assert done.exit_code == 2, done.output
    assert "--junit" in done.stderr and "is what --report writes, too" in done.stderr
    assert not done.stdout and (tmp_path / "same.x").read_text() == "old"


def test_the_rows_of_the_steps_are_no_other_outputs_file(tmp_path):
    found = OutputFiles(summary=tmp_path / "a.steps.csv", csv=tmp_path / "a.csv").unwritable()
    where = f"{tmp_path}/a.steps.csv"
    assert found == ("--csv", f"{where} is what --summary writes, too; name another place")


@pytest.mark.parametrize("place", [os.devnull, "/dev/stdout", "/dev/full"])
def test_what_keeps_nothing_may_be_named_twice(place):
    assert OutputFiles(report=Path(place), junit=Path(place)).unwritable() is None


def test_a_name_that_is_too_long_is_refused_with_the_systems_words(tmp_path):
    found = OutputFiles(junit=tmp_path / ("x" * 300)).unwritable()
    assert found is not None and os.strerror(errno.ENAMETOOLONG).lower() in found[1]


def test_what_can_be_written_is_not_made_by_looking(tmp_path):
    outputs = OutputFiles(tmp_path / "a.json", Path(os.devnull), csv=tmp_path / "b.csv")
    assert outputs.unwritable() is None and list(tmp_path.iterdir()) == []


def test_a_file_that_fails_at_the_end_costs_no_other_and_not_the_verdict(tmp_path, capsys):
    written = OutputFiles(summary=FULL, junit=tmp_path / "p.xml").write(Summary(kind="test"))
    assert written.paths == [tmp_path / "p.xml"] and (tmp_path / "p.xml").read_text()
    assert told_code(99, written) == 99
    assert capsys.readouterr().err == (
        "guestd: --summary: /dev/full cannot be written: no space left on device;"
        " name another place\n"
    )
    assert told_code(0, written) == 74


def test_who_has_enough_of_what_is_said_ends_no_run():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        write(stream, "one\n")
        write(stream, "two\n")


def case(name, outcome="passed"):
    return CaseResult(scenario=name, guest=name, outcome=outcome, took_s=1.0)


def test_cases_are_told_as_they_are_known_in_the_order_of_the_file(capsys):
    told = ToldFile(file=ScenarioFile(path="bot.yml", sha256="", scenarios=()))

    def said():
        return [line.split()[:2] for line in capsys.readouterr().out.splitlines()]

    told.over(1, case("b"))
    assert said() == []
    told.over(0, case("a", "failed"))
    assert said() == [["FAIL", "a"], ["PASS", "b"]]
    told.over(3, case("d"))
    told.rest([case("a"), case("b"), case("c", "not run"), case("d")])
    assert said() == [["SKIP", "c"], ["PASS", "d"]]


def test_the_ids_of_conversations_are_told_when_they_are_known(capsys):
    file = ScenarioFile(path="bot.yml", sha256="", scenarios=())
    told = ToldFile(file=file, tell_ids=True)
    told.over(0, case("a"))
    assert capsys.readouterr().out == ""
    told.rest([case("a")])
    assert "PASS  a" in capsys.readouterr().out
