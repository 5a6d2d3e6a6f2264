"""The report of a run: one file without scripts, from the summary alone.

    html_overview        verdict, sentences, figures, thresholds
    html_time            plots over time
    html_distribution    distributions, all latencies
    html_tables          steps, errors, throttling
    html_conversations   the conversations worth reading
    html_environment     where it ran, and how to run it again

A transcript is text of strangers. It becomes markup in `markup.py` alone, and the page has a policy
that forbids scripts and requests; the report of a run of any size stays below 2 MB, because every
list has its bound beside it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ..results import Summary
from .html_conversations import conversations
from .html_distribution import distributions
from .html_environment import environment
from .html_overview import head, note, thresholds, tiles, title
from .html_tables import cases, errors, steps, warnings
from .html_time import over_time
from .markup import Child, document, h, style
from .words import verdict

#: Nothing is fetched, nothing runs; only the page's own style is used.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def report_html(summary: Summary) -> str:
    """The whole file."""
    return page(
        f"{verdict(summary).words} · {title(summary)} · guestd load",
        head(summary),
        note(summary),
        tiles(summary),
        thresholds(summary),
        cases(summary),
        over_time(summary) if summary.points or summary.kind == "load" else None,
        distributions(summary),
        steps(summary),
        errors(summary),
        warnings(summary),
        conversations(summary),
        environment(summary),
    )


def page(name: str, *children: Child) -> str:
    """A file that contains all it needs."""
    return document(
        h(
            "head",
            {},
            h("meta", {"charset": "utf-8"}),
            h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            h("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
            h("title", {}, name),
            style(_sheet()),
        ),
        h("body", {}, h("main", {}, children)),
    )


@cache
def _sheet() -> str:
    return files(__package__).joinpath("report.css").read_text("utf-8")
