"""docs/reference/metrics.md: every metric of `/metrics`, with its type, labels and help."""

from __future__ import annotations

from typing import Any

from guestd.observe.exposition import _Families
from guestd.observe.metrics import Metrics

from .writing import GENERATED, item

INTRODUCTION = f"""\
# Metrics

{GENERATED}
`GET /metrics` answers in the Prometheus text format, or in OpenMetrics if the scrape asks for it,
without a token. Counters count since the start of the daemon; times are in seconds, sizes in bytes.
A histogram `X` has `X_bucket{{le}}`, `X_sum` and `X_count`. What is worth an alarm:
[Watching it](../operations.md#watching-it).

## guestd
"""

OF_THE_PROCESS = """
## The process

The Prometheus library adds what it knows of the process (`process_resident_memory_bytes`,
`process_cpu_seconds_total`, `process_open_fds`, `process_start_time_seconds`, …) and of Python
(`python_info`, `python_gc_…`).
"""


class _Disk:
    journal_bytes = free_bytes = 0


def page() -> str:
    metrics = Metrics()
    metrics.disk_figures = _Disk  # type: ignore[assignment]  # what is asked of it
    metrics.readiness = lambda: dict.fromkeys(("ready", "storage_low", "storage_full"), True)
    own = sorted(_Families(metrics).collect(), key=lambda one: one.name)
    return "\n".join([INTRODUCTION, *(_entry(one) for one in own), OF_THE_PROCESS])


def _entry(family: Any) -> str:
    labels = getattr(family, "_labelnames", None) or sorted(
        {name for sample in family.samples for name in sample.labels} - {"le"}
    )
    name = f"{family.name}_total" if family.type == "counter" else family.name
    words = ", ".join(f"`{one}`" for one in labels)
    return item(name, (family.type, f"by {words}" if words else ""), family.documentation)
