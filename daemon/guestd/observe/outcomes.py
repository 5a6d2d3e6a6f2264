"""The outcome of one request as a label of the metrics, from a closed list (HTTP-4)."""

from __future__ import annotations

from ..model.errors import NotAuthenticated, PlatformError, PlatformUnavailable, RateLimited


def outcome_of(error: PlatformError) -> str:
    if error.cause in ("malformed", "too_long"):
        return "unreadable"
    if isinstance(error, NotAuthenticated):
        return "unauthorized"
    if isinstance(error, RateLimited):
        return "rate_limited"
    if error.status is None:
        return "network"
    return "unavailable" if isinstance(error, PlatformUnavailable) else "refused"
