"""What the start and `guestd config check` say of the budget that heartbeats need (SESS-5)."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guestd.app.commands import config as command
from guestd.app.config import Config
from guestd.app.heartbeat_budget import heartbeat_notes

DEFAULTS = (
    "limits.max_rest_sessions = 500 wants 1,000 heartbeats a minute, rest.requests_per_minute = 300"
    " has room for 225: beyond 112 REST sessions all heartbeats come less often, every 133 s"
    " instead of 30 s at the limit"
)


def test_sess_5_the_check_says_how_far_heartbeats_are_stretched():
    reported = CliRunner().invoke(command.app, ["check", "--json"])
    assert json.loads(reported.output)["notes"] == [DEFAULTS]


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
