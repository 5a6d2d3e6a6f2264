"""The figures of a run in the text format that a Prometheus Pushgateway reads (version 0.0.4).

It is older than OpenMetrics, of which it is made here: no units, no end mark, no kind `info`; and
the name of a counter ends in `_total` in its head too."""

from __future__ import annotations

from collections.abc import Iterator

from ..results import Summary
from .openmetrics import openmetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The kind of OpenMetrics → the suffix of its samples, and the kind here.
_KINDS = {"counter": ("_total", "counter"), "info": ("_info", "gauge")}


def push_text(summary: Summary) -> str:
    return "".join(f"{one}\n" for one in _lines(openmetrics(summary)))


def _lines(text: str) -> Iterator[str]:
    sentence = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, _, sentence = line.split(" ", 3)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            suffix, shown = _KINDS.get(kind, ("", kind))
            yield f"# HELP {name}{suffix} {sentence}"
            yield f"# TYPE {name}{suffix} {shown}"
        elif not line.startswith("#"):
            yield line
