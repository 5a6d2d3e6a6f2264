"""What `guestd test` makes of its flags and of the runs of several files."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.commands.load_arguments import repeatable
from guestd.app.commands.load_compare import is_worse
from guestd.app.commands.test import repeating_options
from guestd.app.load_runs.cases_not_run import all_cases
from guestd.app.load_runs.functional import FunctionalRun, GivenPlatform, file_options, together
from guestd.app.load_runs.options import RunOptions
from guestd.app.load_runs.session import FAILED, STOPPED_BY_RAILS, exit_code
from guestd.load.measure.compare import CountComparison, MeasureComparison, RunComparison
from guestd.load.results import (
    CaseResult,
    MessageCounts,
    SessionCounts,
    StepFigures,
    Summary,
    ThresholdResult,
)
from guestd.load.scenario.file import LoadModel, ScenarioFile, Target
from guestd.load.scenario.reader import read_file

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
        (["test", "FILE", "--only", "ho-1"], "no guest 'ho-1'; number 1 is 'hi-1'"),
        (["test", "FILE", "--only", "hi-77"], "no guest 'hi-77'; the file has 2 scenarios"),
        (["test", "FILE", "--only", "nobody"], "for --only: 'nobody' must end in a number"),
        (["test", "FILE", "--agent", "humann"], "for --agent: 'humann' must be one of echo"),
        (["test", "FILE", "--emulator", "localhost:80"], "'localhost:80' is not the address of"),
        (["test", "FILE", "-t", "10x"], "for --timeout: '10x' is not a duration"),
        (["test", "FILE", "-t", "10ms"], "for --timeout: '10ms' is less than 0.1 s; give"),
        (["test", "init", "FILE"], "there is no file 'init'; the command is guestd load init"),
        (["test", "check", "FILE"], "there is no file 'check'; the command is guestd load check"),
        (["test", "compare", "A", "B"], "the command is guestd load compare"),
        (["test", "run", "FILE"], "there is no file 'run'; leave it out: guestd test FILE..."),
        (["load", "FILE", "--only", "ho-1"], "no guest 'ho-1'; number 1 is 'hi-1'"),
        (["load", "FILE", "--agent", "humann"], "for --agent: 'humann' must be one of echo"),
        (["load", "FILE", "--emulator", "localhost:80"], "write http://HOST:PORT"),
        (["load", "FILE", "-t", "10x"], "for --run-time: '10x' is not a duration"),
        (["load", "FILE", "--stage", "5"], "for --stage: '5' is not a stage"),
        (["load", "chek", "FILE"], "no command and no file 'chek'; did you mean 'check'?"),
    ],
)
def test_what_is_mistyped_is_told_with_its_option_before_anything_runs(tmp_path, arguments, said):
    path = tmp_path / "bot.yml"
    path.write_text("scenarios:\n  Hi:\n    - say: hi\n  Ho:\n    - say: ho\n")
    words = [str(path) if one == "FILE" else one for one in arguments]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 2 and said in done.stderr, done.stderr


HERE = GivenPlatform()
THERE = GivenPlatform(region="r", deployment_id="d", origin="https://o")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("", "human", HERE, (), None, "10s", 0, None), ""),
        (("", "faq", HERE, (), None, "1m", 7, "hi-1"),
         "--agent faq --timeout 1m --seed 7 --only hi-1"),
        (("http://e", "faq", HERE, (), Path("c.toml"), "10s", 0, None),
         "--emulator http://e --config c.toml"),
        (("", "faq", THERE, ("x", "y"), None, "10s", 0, None),
         "--region r --deployment-id d --origin https://o --allow-deployment x"
         " --allow-deployment y"),
    ],
)  # fmt: skip
def test_what_repeats_a_run_has_all_that_decides_it(given, words):
    assert repeating_options(*given) == words.split()


def test_what_repeats_a_load_run_does_not_write_over_its_results():
    words = "load a.yml --report a.html -u 5 --summary=b --junit c --push http://p -t 5 --csv d"
    assert repeatable(words.split()) == ["load", "a.yml", "-u", "5", "-t", "5"]


def test_a_scenario_that_never_began_is_listed_as_not_run(tmp_path):
    path = tmp_path / "bot.yml"
    path.write_text("scenarios:\n  Hi:\n    - say: hi\n  Ho:\n    - say: ho\n  Hm: [{say: hm}]\n")
    file, began = read_file(path), one_run("stopped", 1).cases[0]
    began.guest = "ho-2"
    model = LoadModel(kind="once", users=3)
    options = RunOptions(file=str(path), model=model, seed=0, run_id="r", kind="test")

    found = all_cases(file, options, [began])

    told = [(one.scenario, one.guest, one.outcome, one.line) for one in found]
    assert told == [("Hi", "hi-1", "not run", 3), ("s", "ho-2", "stopped", 0),
                    ("Hm", "hm-3", "not run", 6)]  # fmt: skip
    options.only = 2
    assert [one.guest for one in all_cases(file, options, ())] == ["hm-3"]


ROWS = """scenarios:
  Track:
    data: [{code: a}, {code: b}, {code: c}]
    steps: [say: "${code}"]
  Bye: [say: bye]
"""


def test_each_row_is_a_case_that_can_be_named(tmp_path):
    path = tmp_path / "bot.yml"
    path.write_text(ROWS)
    file = read_file(path)
    options = RunOptions(file="", model=LoadModel(), seed=0, run_id="r")
    asked = FunctionalRun(files=[file], options=options, at_once=1)

    found = all_cases(file, file_options(asked, file), ())
    told = [(one.guest, one.row, one.rows) for one in found]
    assert told == [("track-1", 1, 3), ("track-2", 2, 3), ("track-3", 3, 3), ("bye-4", 0, 0)]
    options.only = 1
    assert [one.row for one in all_cases(file, file_options(asked, file), ())] == [2]

    done = CliRunner().invoke(app, ["test", str(path), "--only", "track-5"])
    assert done.exit_code == 2 and "no guest 'track-5'; the file has 4 cases" in done.stderr


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


def test_times_of_a_run_that_is_not_valid_make_nothing_worse():
    found = compared("echo", "slower")
    found.comparable = False
    assert not is_worse(found)
    found.counts[0].verdict = "more"
    assert is_worse(found)


def test_a_comparison_with_a_run_that_is_not_valid_has_its_own_exit_code(tmp_path):
    runs = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, valid in zip(runs, (True, False), strict=True):
        path.write_bytes(msgspec.json.encode(Summary(valid=valid)))

    def compare(*arguments):
        return CliRunner().invoke(app, ["load", "compare", *map(str, arguments)])

    done = compare(*runs, "--fail-if-slower")
    assert done.exit_code == 111 and done.stdout.startswith("not comparable: the second run is")
    assert compare(*runs).exit_code == 0
    assert compare(runs[0], runs[0], "--fail-if-slower").exit_code == 0


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (Summary(), 0),
        (Summary(valid=False), 111),
        (Summary(valid=False, thresholds=[ThresholdResult(expression="p", ok=False)]), 99),
        (Summary(valid=False, stopped_by="signal"), 105),
    ],
)
def test_a_run_that_is_not_valid_fails_where_that_is_asked_for(run, code):
    assert exit_code(run, require_valid=True) == code
    assert exit_code(run) == (0 if code == 111 else code)


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
