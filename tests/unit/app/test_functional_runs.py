"""What `guestd test` makes of its flags and of the runs of several files."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.commands.load_compare import is_worse
from guestd.app.load_runs.functional import GivenPlatform, together
from guestd.app.load_runs.session import FAILED, STOPPED_BY_RAILS
from guestd.load.measure.compare import CountComparison, MeasureComparison, RunComparison
from guestd.load.results import (
    CaseResult,
    MessageCounts,
    SessionCounts,
    StepFigures,
    Summary,
    ThresholdResult,
)
from guestd.load.scenario.file import ScenarioFile, Target

ROOT = Path(__file__).parents[3]
NAMED = ScenarioFile(
    path="bot.yml",
    sha256="",
    scenarios=(),
    target=Target("its-deployment", "its.region", "https://its.example"),
)


@pytest.mark.parametrize(
    ("given", "has_platform", "flags"),
    [
        ({}, False, {}),
        ({}, True, {}),
        ({"deployment_id": "d"}, False, {}),
        ({"deployment_id": "d"}, True, {"deployment_id": "d"}),
        ({"origin": "https://o"}, False, {"origin": "https://o"}),
        (
            {"region": "mypurecloud.de"},
            True,
            {
                "region": "mypurecloud.de",
                "deployment_id": "its-deployment",
                "origin": "https://its.example",
            },
        ),
        (
            {"region": "mypurecloud.de", "deployment_id": "d", "origin": "https://o"},
            True,
            {"region": "mypurecloud.de", "deployment_id": "d", "origin": "https://o"},
        ),
    ],
)
def test_only_a_region_on_the_command_line_means_the_platform(given, has_platform, flags):
    found = GivenPlatform(**given).flags(NAMED, has_platform)
    assert found == {f"platform.{name}": value for name, value in flags.items()}


def one_run(outcome, sent):
    return Summary(
        kind="test",
        sessions=SessionCounts(opened=1),
        messages=MessageCounts(sent=sent),
        steps=[StepFigures(scenario="s", step=0, label="says")],
        cases=[CaseResult(scenario="s", guest="s-1", outcome=outcome, took_s=1.0)],
    )


def test_the_runs_of_several_files_are_one_that_fails_if_one_does():
    whole = together([one_run("passed", 2), one_run("failed", 3)])
    assert (whole.sessions.opened, whole.messages.sent, len(whole.steps)) == (2, 5, 2)
    assert [one.outcome for one in whole.cases] == ["passed", "failed"]
    assert whole.exit_code == FAILED
    assert together([one_run("passed", 1)]).exit_code == 0


def test_a_threshold_that_fails_fails_the_run_and_one_that_is_ignored_does_not():
    run = one_run("passed", 1)
    run.thresholds = [ThresholdResult(expression="p", ok=True, ignored=True)]
    assert together([run, one_run("passed", 1)]).exit_code == 0
    run.thresholds.append(ThresholdResult(expression="q", ok=False))
    whole = together([one_run("passed", 1), run])
    assert whole.exit_code == FAILED and len(whole.thresholds) == 2


def test_a_run_that_rails_have_stopped_says_so_by_its_code():
    run = one_run("stopped", 1)
    run.stopped_by, run.exit_code = "rails: the stop file s is there", STOPPED_BY_RAILS
    whole = together([one_run("passed", 1), run])
    assert (whole.exit_code, whole.stopped_by) == (STOPPED_BY_RAILS, run.stopped_by)


def test_the_rails_of_a_file_hold_before_anything_is_contacted(tmp_path):
    path = tmp_path / "bot.yml"
    path.write_text(
        "scenarios: {Hi: [{say: hi}]}\nrails: {deployments: [d-1], stopFile: no-such-file}\n"
    )
    done = CliRunner().invoke(app, ["test", str(path), "-r", "mypurecloud.de", "-id", "d-2"])
    assert done.exit_code == 2
    assert "deployment d-2 is not in the list of deployments" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name at least one scenario file"),
        (["a.yml", "b.yml", "--only", "s-1"], "is for one file"),
        (["a.yml", "-r", "r", "--emulator", "http://e"], "either the region or --emulator"),
        (["--record", "ana", "a.yml", "b.yml"], "one file to write"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, said):
    done = CliRunner().invoke(app, ["test", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2 and said in done.stderr


def compared(name, verdict, counted="same"):
    measure = MeasureComparison(
        name=name, count_a=1, count_b=1, quantiles=[], distance=0.0, chance=1.0,
        verdict=verdict, sentence="",
    )  # fmt: skip
    count = CountComparison(
        name="lost", count_a=0, of_a=1, count_b=0, of_b=1, chance=1.0, verdict=counted, sentence=""
    )
    return RunComparison(verdict="", warnings=[], measures=[measure], counts=[count])


def test_a_run_is_worse_by_what_a_guest_meets():
    assert is_worse(compared("echo", "slower")) and is_worse(compared("echo", "same", "more"))
    assert not is_worse(compared("echo", "faster")) and not is_worse(compared("echo", "too_few"))
    assert not is_worse(compared("echo_as_sent", "slower"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--emulator", "http://localhost:1"], "answered by the emulator at http://localhost:1"),
        (["-r", "mypurecloud.de"], "answered by the platform, mypurecloud.de"),
    ],
)
def test_who_answers_is_said_first(arguments, said):
    command = ["test", str(ROOT / "examples/load/echo.yml"), *arguments]
    done = CliRunner().invoke(app, command)
    assert done.stderr.splitlines()[0] == f"guestd: {said}"
    end = done.stderr.splitlines()[-1]
    if "-r" in arguments:
        assert end.startswith("guestd: --deployment-id: is missing beside -r; give the id")
    else:
        assert end.endswith("start one: guestd emulate --port 1")
    silent = CliRunner().invoke(app, [*command, "--json"])
    assert "answered by" not in silent.stderr
