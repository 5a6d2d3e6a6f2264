"""The outcome of one request as labels of the metrics, from closed lists (HTTP-4, GUEST-3)."""

from __future__ import annotations

from ..model.errors import (
    CUT_OFF,
    GUEST_TOKEN,
    BudgetSpent,
    NotAuthenticated,
    PlatformError,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
)


def outcome_of(error: PlatformError) -> str:
    if error.cause in ("malformed", "too_long"):
        return "unreadable"
    if isinstance(error, NotAuthenticated):
        return "unauthorized"
    if isinstance(error, RateLimited):
        return "rate_limited"
    if _never_came(error):
        return "network"
    return "unavailable" if isinstance(error, PlatformUnavailable) else "refused"


def kind_of(error: PlatformError) -> str:
    """The kind by which GUEST-3 counts it."""
    if error.cause == GUEST_TOKEN:
        return "token_validation"
    if isinstance(error, (RateLimited, BudgetSpent)):
        return "rate_limit"
    if isinstance(error, (NotAuthenticated, ScopeMissing)):
        return "auth"
    return "network" if _never_came(error) else "other"


def _never_came(error: PlatformError) -> bool:
    """The answer, or the end of it."""
    return error.status is None or error.cause in CUT_OFF
