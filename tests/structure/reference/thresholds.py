"""docs/reference/thresholds.md: which figures a threshold can be about, from the product's table."""

from __future__ import annotations

from guestd.load.measure.figures import FIGURES, STATISTICS, STEP_SENTENCE, Figure

from .writing import GENERATED

INTRODUCTION = f"""\
# Thresholds

{GENERATED}
A threshold says what must hold for a load run to have passed. One stands in the scenario file or
after `--threshold`:

```text
echo_latency.p99 < 500ms
first_reply.p95 < 8s
lost == 0
steps_failed.rate < 1%
step["waits for the parcel"].p95 <= 9s
```

On the left a figure of the tables below, with a statistic after a dot; then one of `<`, `<=`, `>`,
`>=`, `==`, `!=`; then the limit. Times are in `ms` (which may be left out) or `s`, shares in `%` or
as a number (`0.01`), all else is a bare number.

If one is not met at the end of the run, the exit code is 99. Where nothing was measured, a
threshold of a time or a rate is not met; a count is 0 then. With `abortOnFail` the run ends as soon
as one is not met, at the earliest after `delayAbortEval`; until something was measured it does not
end the run. Percentiles and the longest time are exact to 0.1 %.

## Times
"""

TIMES_END = """
Latencies count from when something was *due*, not from when it was done: a guest that could not
send because the platform stalled shows the stall. `echo_as_sent` is the figure without that.

Statistics of a time:

"""

COUNTS = """
## Counts

Without a statistic, or with `.count`, a threshold is about the number. `.rate` is what the last
column says. Those marked "at the end" are found when guestd compares the conversations with the
platform's record or history; they cannot end the run, and where nothing could be compared a
threshold on them is not met.

| figure | what it counts | `.rate` |
| --- | --- | --- |
"""

STEPS = f"""
## Steps

`step["label"]` is about the steps of the file that have this label, in whichever scenario:
{STEP_SENTENCE}. It has the statistics of a time, and besides:

| statistic | what it is |
| --- | --- |
| `failed` | how many of these steps failed |
| `failed.rate` | their share of those that were run |

The label is the step's `name` in the file; without one it is the sentence that reports show.
"""


def rate(figure: Figure) -> str:
    return f"share of `{figure.rate_of}`" if figure.rate_of else "per second"


def page() -> str:
    lines = [INTRODUCTION, "| figure | the time |", "| --- | --- |"]
    counts = []
    for figure in FIGURES.values():
        if figure.kind == "times":
            lines.append(f"| `{figure.name}` | {figure.sentence} |")
        else:
            later = " (at the end)" if figure.at_end else ""
            counts.append(f"| `{figure.name}` | {figure.sentence}{later} | {rate(figure)} |\n")
    statistics = [f"| `.{name}` | {sentence} |\n" for name, sentence in STATISTICS.items()]
    text = "\n".join(lines) + "\n" + TIMES_END + "| statistic | what it is |\n| --- | --- |\n"
    return text + "".join(statistics) + COUNTS + "".join(counts) + STEPS
