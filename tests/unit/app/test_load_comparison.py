"""What a load run's conversations are compared with, and what is not known without it."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.commands.load_arguments import comparison_of
from guestd.app.commands.load_options import CompareWith
from guestd.app.load_runs.comparison import (
    NO_HISTORY,
    NOT_ASKED,
    compared_by,
    compared_words,
    delivery_unknown,
    not_compared,
)
from guestd.app.load_runs.options import RunOptions
from guestd.app.load_runs.run_result import RunResult
from guestd.app.load_runs.running_daemon import ON_THE_WIRE
from guestd.app.load_runs.worker_run import _together
from guestd.app.wiring.endpoints import PlatformTarget
from guestd.load.measure.partial import Partial
from guestd.load.results import NotMeasured, Reconciled
from guestd.load.scenario.file import LoadModel
from guestd.model.errors import CommandError
from guestd.platform.regions import Endpoints

PLACES = Endpoints("", "", "", "")
EMULATOR = PlatformTarget(PLACES, "d", is_emulator=True)
PLATFORM = PlatformTarget(PLACES, "d")


def by(asked, target, has_history=True):
    options = RunOptions(file="", model=LoadModel(), seed=1, run_id="r", reconcile=asked)
    return compared_by(options, target, has_history)


def test_an_emulator_has_a_record_and_a_platform_the_history_of_each_guest():
    assert by("", EMULATOR) == ("record", "")
    assert by("", PLATFORM) == ("history", "")
    assert by("history", EMULATOR) == ("history", "")


def test_a_plan_says_what_will_be_read():
    assert compared_words(*by("", PLATFORM)) == "each guest's history, read before it leaves"
    assert compared_words(*by("none", PLATFORM)) == f"nothing: {NOT_ASKED}"


def test_what_there_is_not_is_said_or_refused():
    assert by("", PLATFORM, has_history=False) == ("", NO_HISTORY)
    assert by("none", EMULATOR) == by("none", PLATFORM) == ("", NOT_ASKED)
    with pytest.raises(CommandError, match="--reconcile record is for an emulator"):
        by("record", PLATFORM)


def test_a_daemon_does_not_tell_the_token_of_a_history():
    assert comparison_of(None, "http://localhost:3000") == ""
    assert comparison_of(CompareWith.HISTORY, None) == "history"
    with pytest.raises(typer.BadParameter, match="cannot go with --daemon"):
        comparison_of(CompareWith.HISTORY, "http://localhost:3000")


RULES = "scenarios: {Hi: [{say: hi}]}\n"


def asked(tmp_path, *words, scenarios=RULES):
    """Of `guestd load`, which would only say what it does."""
    path = tmp_path / "bot.yml"
    path.write_text(scenarios)
    words = ["load", str(path), "--dry-run", *words]
    return CliRunner().invoke(app, words, env={"COLUMNS": "300"})


@pytest.mark.parametrize("figure", ["lost", "doubled", "reordered"])
def test_a_threshold_that_nothing_can_meet_is_refused_before_the_run(tmp_path, figure):
    words = ["--threshold", f"{figure} == 0", "--daemon", "localhost:3000", "--reconcile"]
    done = asked(tmp_path, *words, "none")
    assert done.exit_code == 2 and not done.stdout, done.output
    told = " ".join(done.stderr.replace("│", " ").split())
    assert (
        f"Invalid value for --threshold: {figure} == 0 is not known with --reconcile none" in told
    )
    assert asked(tmp_path, *words, "record").exit_code == 0


def test_a_threshold_of_the_file_that_nothing_can_meet_is_refused_as_well(tmp_path):
    scenarios = RULES + "thresholds: [lost == 0]\n"
    done = asked(tmp_path, "--reconcile", "none", scenarios=scenarios)
    assert done.exit_code == 2 and "the file's lost == 0 is not known" in done.stderr, done.output


@pytest.mark.parametrize("rule", ["doubled == 0", "reordered == 0", "uncertain == 0"])
def test_what_the_connections_tell_may_be_asked_for_without_a_comparison(tmp_path, rule):
    done = asked(tmp_path, "--reconcile", "none", "--threshold", rule)
    assert done.exit_code == 0, done.output


def result(reconciled, found=None, **more):
    return RunResult(partial=Partial(), reconciled=reconciled, found=found, **more)


def test_without_a_comparison_lost_is_not_known_and_what_the_wire_told_is():
    one = result(Reconciled(why_not="because"), {"lost": 0, "doubled": 2})
    assert delivery_unknown(one) == [
        NotMeasured(what="messages lost", why="because", figures=["lost"])
    ]
    assert one.found == {"doubled": 2}
    nothing = delivery_unknown(result(Reconciled(why_not="left")))
    assert nothing[0].figures == ["lost", "doubled", "reordered"]


def test_with_one_nothing_is_unknown_and_no_host_is_repeated():
    assert delivery_unknown(result(Reconciled(by="history"), {"lost": 1})) == []
    said = NotMeasured(what="it", why="because", figures=["lost", "doubled", "reordered"])
    assert delivery_unknown(result(Reconciled(), not_measured=[ON_THE_WIRE, said])) == []


def test_what_was_left_out_is_a_note():
    partly = Reconciled(by="history", not_compared={"no turn": 1200})
    assert not_compared(partly) == [
        "1,200 conversations not compared with the platform's history: no turn"
    ]
    assert not_compared(Reconciled(not_compared={"no turn": 1})) == []


def test_what_workers_left_out_is_added_up():
    whole = _together(
        [
            result(Reconciled(by="history", conversations=2, not_compared={"a": 1, "b": 1}), {}),
            result(Reconciled(not_compared={"a": 3}, why_not="none"), {}, notes=["n"]),
        ],
        [],
    )
    assert whole.reconciled.by == "history" and whole.reconciled.conversations == 2
    assert whole.reconciled.not_compared == {"a": 4, "b": 1} and whole.notes == ["n"]
