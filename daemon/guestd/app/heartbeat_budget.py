"""Is the budget of requests enough for the heartbeats of as many REST sessions as are allowed
(SESS-5)? Said at the start, and by
`guestd config check`."""

from __future__ import annotations

from ..operations.settings import OperationsSettings
from ..platform.settings import RestSettings
from ..policy.stretch import HEARTBEAT_SHARE, factor
from ..supervisor.settings import LimitSettings
from .config import Config


def requests_per_minute(config: Config) -> int:
    """Of all OAuth clients together."""
    each = config.rest.requests_per_minute
    return sum(one.requests_per_minute or each for one in config.platform.oauth_clients) or each


def heartbeat_notes(config: Config) -> list[str]:
    """A line if the heartbeats will be stretched at the limit, and how far; none if the budget is
    enough, or if the figures are the defaults and no OAuth client is there: then no REST session
    of the platform is meant."""
    if not config.platform.has_client and _has_default_figures(config):
        return []
    sessions, interval_s = config.limits.max_rest_sessions, config.operations.heartbeat_interval_s
    budget = requests_per_minute(config)
    wanted = sessions * 60.0 / interval_s
    stretched_s = interval_s * factor(wanted, budget)
    if stretched_s <= interval_s:
        return []
    room = HEARTBEAT_SHARE * budget
    enough_for = int(room * interval_s / 60.0)
    return [
        f"limits.max_rest_sessions = {sessions} wants {wanted:,.0f} heartbeats a minute,"
        f" rest.requests_per_minute = {budget:,} has room for {room:,.0f}: beyond {enough_for:,}"
        f" REST sessions all heartbeats come less often, every {stretched_s:.0f} s instead of"
        f" {interval_s:.0f} s at the limit"
    ]


def _has_default_figures(config: Config) -> bool:
    return (
        config.limits.max_rest_sessions == LimitSettings().max_rest_sessions
        and config.operations.heartbeat_interval_s == OperationsSettings().heartbeat_interval_s
        and config.rest.requests_per_minute == RestSettings().requests_per_minute
    )
