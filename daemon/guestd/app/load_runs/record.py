"""The comparison of what guests have seen with the platform's record, at the end of a run."""

from __future__ import annotations

from ...load.measure.reconcile import RunFindings
from ...load.results import Reconciled
from .local_run import LocalRun
from .options import RunOptions


async def compared(
    run: LocalRun, options: RunOptions, started_ms: int
) -> tuple[RunFindings | None, Reconciled]:
    return None, Reconciled(why_not="not built yet")
