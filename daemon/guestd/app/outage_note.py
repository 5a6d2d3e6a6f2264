"""How long an outage of the platform guest sessions outlast; said by `guestd config check`."""

from __future__ import annotations

from ..session.settings import LifetimeSettings, ReconnectSettings
from .config import Config


def outage_notes(config: Config) -> list[str]:
    """A line if a guest session would be given up before its life is over; none of the default
    figures with an emulator, which nobody waits for."""
    if _has_default_figures(config) and _has_emulator(config):
        return []
    backoff, life_s = config.reconnect.backoff(), config.sessions.duration_s
    lasts_s = backoff.total_s()
    if lasts_s >= life_s:
        return []
    return [
        f"reconnect.attempts_max = {backoff.attempts_max}: a guest session whose connection is lost"
        f" for more than about {_span(lasts_s)} is ended, although its life is {_span(life_s)}"
        f" (sessions.duration_s); {backoff.attempts_for(life_s)} attempts would keep it"
    ]


def _has_default_figures(config: Config) -> bool:
    return config.reconnect == ReconnectSettings() and config.sessions == LifetimeSettings()


def _has_emulator(config: Config) -> bool:
    return not config.platform.is_given or config.platform.emulator is not None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
