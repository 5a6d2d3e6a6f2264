"""What the start and `guestd config check` say of the budget that heartbeats need (SESS-5)."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guestd.app.commands import config as command
from guestd.app.config import Config
from guestd.app.heartbeat_budget import heartbeat_notes

STRETCHED = (
    "limits.max_rest_sessions = 501 wants 1,002 heartbeats a minute, rest.requests_per_minute = 300"
    " has room for 225: beyond 112 REST sessions all heartbeats come less often, every 134 s"
    " instead of 30 s at the limit"
)
CLIENT = {"client_id": "c", "client_secret": "s"}


def test_sess_5_the_check_says_how_far_heartbeats_are_stretched():
    given = {"GUESTD_LIMITS__MAX_REST_SESSIONS": "501"}
    reported = CliRunner().invoke(command.app, ["check", "--json"], env=given)
    assert STRETCHED in json.loads(reported.output)["notes"]


def test_the_defaults_are_no_matter_without_an_oauth_client():
    assert heartbeat_notes(Config()) == []
    assert len(heartbeat_notes(Config.model_validate({"platform": CLIENT}))) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"limits": {"max_rest_sessions": 112}},
        {"rest": {"requests_per_minute": 1334}},
        {"operations": {"heartbeat_interval_s": 140.0}},
        {"platform": {"oauth_clients": [{"id": str(n), "secret": "s"} for n in range(5)]}},
        {"platform": {"oauth_clients": [{"id": "c", "secret": "s", "requests_per_minute": 1400}]}},
    ],
    ids=str,
)
def test_sess_5_a_budget_that_is_enough_is_no_matter(given):
    assert heartbeat_notes(Config.model_validate(given)) == []
