"""What is asked before a load run against a real organisation. Nothing is contacted here."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from guestd.app.load_runs.options import RunOptions
from guestd.app.load_runs.permission import Permission, guests_in_all
from guestd.app.load_runs.run_config import platform_flags, run_config, share
from guestd.app.load_runs.session import LoadSession
from guestd.app.wiring.endpoints import PlatformTarget
from guestd.load.run.rails import APPROVAL_NOTICE
from guestd.load.scenario.file import LoadModel, Rails, Scenario, ScenarioFile, Stage, Target
from guestd.load.scenario.steps import Place
from guestd.model.errors import CommandError
from guestd.platform.regions import endpoints

MONDAY_NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
PLATFORM = PlatformTarget(endpoints("mypurecloud.de"), "d-1")
EMULATOR = PlatformTarget(endpoints("localhost"), "d-1", None, True)
HUNDRED = LoadModel(users=100, spawn_rate=5.0)


NO_TARGET = Target()


def file_with(target=NO_TARGET, **rails):
    scenario = Scenario("Talk", (), Place("talk.yml", 1))
    return ScenarioFile("talk.yml", "", (scenario,), target=target, rails=Rails(**rails))


def check(file, target=PLATFORM, answer="", **more):
    told = []
    permission = Permission(ask=lambda question: answer, now=lambda: MONDAY_NOON, **more)
    permission.check(file, HUNDRED, target, told.append)
    return told


def options(**more):
    return RunOptions(file="talk.yml", model=HUNDRED, seed=1, run_id="r", **more)


def test_a_deployment_must_be_allowed_by_name():
    with pytest.raises(CommandError, match="not in the list of deployments"):
        check(file_with(), answer="d-1:100")
    assert check(file_with(deployments=("d-1",)), answer="d-1:100")
    assert check(file_with(), yes="d-1:100", allowed_deployments=("d-1",))


def test_a_confirmation_that_an_emulator_does_not_ask_for_is_told_of():
    (told,) = check(file_with(), EMULATOR, yes="d-1:100")
    assert told == (
        "guestd: --yes d-1:100 is not used: the guests talk to an emulator, and to no real"
        " organisation"
    )
    assert check(file_with(), EMULATOR) == []


def test_the_approval_rule_is_said_and_the_size_is_confirmed():
    allowed = file_with(deployments=("d-1",))
    (told,) = check(allowed, yes="d-1:100")
    assert APPROVAL_NOTICE in told
    for wrong in ("", "yes", "d-1:10", "d-2:100"):
        with pytest.raises(CommandError, match="--yes d-1:100"):
            check(allowed, answer=wrong)


def test_it_must_be_within_the_window_and_the_connects():
    with pytest.raises(CommandError, match="window"):
        check(file_with(deployments=("d-1",), window=("Tue 08:00-18:00",)), yes="d-1:100")
    with pytest.raises(CommandError, match="new sessions a second"):
        check(file_with(deployments=("d-1",), connects_per_s_max=2.0), yes="d-1:100")


def test_an_emulator_asks_nothing_but_keeps_to_the_rates():
    assert check(file_with(window=("Tue 08:00-18:00",), deployments=("x",)), EMULATOR) == []
    with pytest.raises(CommandError, match="new sessions a second"):
        check(file_with(connects_per_s_max=2.0), EMULATOR)


def test_a_functional_run_needs_no_confirmation_and_keeps_to_the_rails_of_its_file(tmp_path):
    once, permission = LoadModel(kind="once", users=1), Permission(now=lambda: MONDAY_NOON)
    stop_file = tmp_path / "stop"
    permission.check_test(file_with(stop_file=str(stop_file)), once, PLATFORM)
    permission.check_test(file_with(deployments=("d-1",)), once, PLATFORM)
    Permission(("d-1",)).check_test(file_with(deployments=("d-2",)), once, PLATFORM)
    for rails, why in (
        ({"deployments": ("d-2",)}, "d-1 is not in the list of deployments"),
        ({"window": ("Tue 08:00-18:00",)}, "not within the window"),
    ):
        with pytest.raises(CommandError, match=why):
            permission.check_test(file_with(**rails), once, PLATFORM)
        permission.check_test(file_with(**rails), once, EMULATOR)
    stop_file.touch()
    with pytest.raises(CommandError, match=r"the stop file .* is there"):
        permission.check_test(file_with(stop_file=str(stop_file)), once, PLATFORM)


def test_the_size_of_an_open_model_is_all_that_arrive():
    model = LoadModel(kind="open", stages=(Stage(0.0, 5.0), Stage(20.0, 5.0)))
    assert guests_in_all(model) == 100
    assert guests_in_all(LoadModel(kind="closed", stages=(Stage(9.0, 7.0), Stage(9.0, 3.0)))) == 7


TALK = Target("d-file", "mypurecloud.de", "https://shop.example.org")


def test_a_file_alone_does_not_name_the_platform(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert platform_flags(options(), {}, TALK) == {}
    plan = LoadSession(file_with(TALK), options()).plan()
    assert "an emulator, started for the run" in plan and "100" in plan


def test_with_a_region_the_files_deployment_and_origin_are_used():
    flags = platform_flags(options(), {"platform.region": "eu-central-1"}, TALK)
    assert flags["platform.deployment_id"] == "d-file"
    assert flags["platform.origin"] == "https://shop.example.org"
    told = {"platform.region": "mypurecloud.de", "platform.deployment_id": "d-told"}
    assert platform_flags(options(), told, TALK)["platform.deployment_id"] == "d-told"


def test_a_file_for_another_region_is_refused():
    with pytest.raises(CommandError, match="the file is for mypurecloud"):
        platform_flags(options(), {"platform.region": "us-east-1"}, TALK)


def test_a_configured_platform_takes_the_files_deployment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "guestd.toml"
    path.write_text('[platform]\nregion = "mypurecloud.de"\n')
    flags = platform_flags(options(config=str(path)), {}, TALK)
    assert flags["platform.deployment_id"] == "d-file"
    assert platform_flags(options(config=str(path), emulator="http://localhost:1"), {}, TALK) == {}


def test_a_dry_run_says_what_would_be_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    flags = {"platform.region": "mypurecloud.de"}
    plan = LoadSession(file_with(TALK), options(), config_flags=flags).plan()
    assert "deployment d-file at wss://webmessaging.mypurecloud.de" in plan
    assert "refused" in plan and "--allow-deployment" in plan


def test_the_workers_share_the_connect_budget_of_the_rails(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    parts = [share(101, options(workers=3, worker=one)) for one in range(3)]
    assert sum(parts) == 101
    limited = file_with(connects_per_s_max=4.0)
    config = run_config(options(workers=2), {}, limited)
    assert (config.admission.connects_per_minute, config.admission.burst) == (120, 2)
