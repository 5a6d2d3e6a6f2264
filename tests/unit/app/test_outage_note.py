"""What `guestd config check` says of an outage that guest sessions do not outlast."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guestd.app.commands import config as command
from guestd.app.config import Config
from guestd.app.outage_note import outage_notes
from guestd.policy.backoff import Backoff

DEFAULTS = (
    "reconnect.attempts_max = 10: a guest session whose connection is lost for more than about"
    " 3 min is ended, although its life is 30 min (sessions.duration_s); 64 attempts would keep it"
)


def test_the_check_says_how_long_an_outage_is_outlasted(monkeypatch):
    monkeypatch.setenv("GUESTD_PLATFORM__REGION", "mypurecloud.de")
    monkeypatch.setenv("GUESTD_PLATFORM__DEPLOYMENT_ID", "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10")
    reported = CliRunner().invoke(command.app, ["check", "--json"])
    assert json.loads(reported.output)["notes"] == [DEFAULTS]


@pytest.mark.parametrize("platform", [{}, {"emulator": "http://localhost:8080"}], ids=str)
def test_with_an_emulator_only_figures_that_somebody_chose_are_spoken_of(platform):
    assert outage_notes(Config.model_validate({"platform": platform})) == []
    chosen = {"platform": platform, "reconnect": {"attempts_max": 9}}
    assert outage_notes(Config.model_validate(chosen))


@pytest.mark.parametrize(
    "given",
    [
        {"reconnect": {"attempts_max": 64}},
        {"sessions": {"duration_s": 180.0}},
        {"sessions": {"duration_s": 2700.0}, "reconnect": {"attempts_max": 100}},
    ],
    ids=str,
)
def test_what_outlasts_the_session_is_no_matter(given):
    assert outage_notes(Config.model_validate(given)) == []


@pytest.mark.parametrize("outage_s", [0.5, 1.0, 3.0, 31.0, 180.0, 1800.0, 2700.0])
@pytest.mark.parametrize("cap_s", [0.5, 1.0, 30.0, 1e6])
def test_as_many_attempts_as_are_named_outlast_it_and_fewer_do_not(outage_s, cap_s):
    attempts = Backoff(cap_s=cap_s).attempts_for(outage_s)
    assert Backoff(cap_s=cap_s, attempts_max=attempts).total_s() >= outage_s
    assert Backoff(cap_s=cap_s, attempts_max=attempts - 1).total_s() < outage_s
