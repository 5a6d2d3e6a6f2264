"""A reading of the platform beside the named calls: of a guest session's history, of a deployment.
Every one is measured (HTTP-4); one that fails has a line in the audit (AUDIT-1), as a failed
heartbeat has, and one that succeeds has none: there are too many."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ..model.errors import PlatformError
from ..model.records import Note
from .metrics import Metrics
from .outcomes import kind_of, outcome_of

Found = TypeVar("Found")


async def measured_read(
    read: Callable[[], Awaitable[Found]],
    operation: str,
    about: dict[str, Any],
    metrics: Metrics,
    note: Note,
) -> Found:
    """What `read` gives; raises what it raises. `about`: whose reading it is, and which try."""
    began, outcome = time.perf_counter(), "network"
    try:
        found = await read()
        outcome = "ok"
        return found
    except PlatformError as error:
        outcome = outcome_of(error)
        metrics.count_failed_attempt(kind_of(error))
        metrics.count_platform_error(kind_of(error))
        latency_ms = round((time.perf_counter() - began) * 1000.0, 3)
        told = {
            "latency_ms": latency_ms,
            "error_message": str(error),
            **error.codes(),
            **error.limit_details(),
        }
        note(operation, "failed", {**about, **told})
        raise
    finally:
        metrics.observe_rest(operation, outcome, time.perf_counter() - began)
