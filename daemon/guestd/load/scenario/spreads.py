"""Times that are drawn: `2s`, `2s..5s`, or a distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .kinds import WRONG, DurationValue, Json, duration_s, refuse
from .reading import FileReading
from .steps import Spread
from .tables import FileKey, KeyTable
from .yaml_tree import YamlMap, YamlNode, YamlScalar

_RANGE = r"^\s*[0-9][0-9a-z.]*\s*\.\.\s*[0-9][0-9a-z.]*\s*$"
_LAWS: tuple[Literal["normal", "lognormal", "exponential"], ...] = (
    "normal",
    "lognormal",
    "exponential",
)


def _built(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    laws = [law for law in _LAWS if law in found]
    if len(laws) != 1:
        reading.wrong(node, key, "must have one of normal, lognormal and exponential", "write one")
        return WRONG
    (law,) = laws
    if law == "exponential" and "deviation" in found:
        remedy = "leave it out: it follows from the mean"
        reading.wrong(node, f"{key}.deviation", "is not of an exponential time", remedy)
        return WRONG
    if law != "exponential" and "deviation" not in found:
        reading.wrong(node, f"{key}.deviation", "is missing", "write how far it strays, as in 1s")
        return WRONG
    low, high = found.get("min", 0.0), found.get("max", float("inf"))
    if low > high:
        reading.wrong(node, f"{key}.min", "is above max", "exchange them")
        return WRONG
    return Spread(law, low, high, found[law], found.get("deviation", 0.0))


_MEAN = DurationValue(above_zero=True)
DISTRIBUTION = KeyTable(
    "a distribution",
    (
        FileKey("normal", _MEAN, "The mean of a normal distribution."),
        FileKey("lognormal", _MEAN, "The mean of a lognormal one: mostly short, at times long."),
        FileKey("exponential", _MEAN, "The mean of an exponential one."),
        FileKey("deviation", DurationValue(), "The standard deviation of the first two."),
        FileKey("min", DurationValue(), "Shorter ones become this.", default="0s"),
        FileKey("max", DurationValue(), "Longer ones become this.", default="no bound"),
    ),
    _built,
)


@dataclass(slots=True, frozen=True)
class SpreadValue:
    words: str = "a time such as 2s, a range such as 2s..5s, or a distribution"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if isinstance(node, YamlMap):
            return DISTRIBUTION.read(node, key, reading)
        if not isinstance(node, YamlScalar) or node.kind == "null":
            return refuse(self, node, key, reading)
        parts = node.text.split("..")
        times = [duration_s(one) for one in parts]
        if None in times or len(times) > 2:
            remedy = "write 30s, 2s..5s or {normal: 4s, deviation: 1s}"
            return refuse(self, node, key, reading, remedy)
        low, high = times[0], times[-1]
        assert low is not None and high is not None
        if low > high:
            remedy = f"write {parts[-1].strip()}..{parts[0].strip()}"
            reading.wrong(node, key, "begins above its end", remedy)
            return WRONG
        return Spread("fixed" if len(times) == 1 else "uniform", low, high)

    def schema(self) -> Json:
        text = {"type": "string", "pattern": _RANGE}
        return {"anyOf": [*DurationValue().schema()["anyOf"], text, DISTRIBUTION.schema()]}


def duration_text(value: float) -> str:
    """As short as it is exact: 250ms, 2s, 1m30s."""
    whole = round(value)
    if value == whole and whole >= 60:
        parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)
    spellings = (
        f"{round(value * 1000)}ms" if value < 1 else "",
        f"{_fixed(value, 3)}s",
        f"{_fixed(value * 1000, 12)}ms",
    )
    exact = (one for one in spellings if one and duration_s(one) == value)
    return next(exact, f"{_fixed(value, 15)}s")


def _fixed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def spread_words(time: Spread) -> str:
    """For labels."""
    if time.kind == "fixed":
        return duration_text(time.low_s)
    if time.kind == "uniform":
        return f"{duration_text(time.low_s)} to {duration_text(time.high_s)}"
    return f"about {duration_text(time.mean_s)}"


def written_spread(time: Spread) -> str | Mapping[str, str]:
    """As a file has it."""
    if time.kind == "fixed":
        return duration_text(time.low_s)
    if time.kind == "uniform":
        return f"{duration_text(time.low_s)}..{duration_text(time.high_s)}"
    found: dict[str, str] = {time.kind: duration_text(time.mean_s)}
    if time.kind != "exponential":
        found["deviation"] = duration_text(time.deviation_s)
    if time.low_s:
        found["min"] = duration_text(time.low_s)
    if time.high_s != float("inf"):
        found["max"] = duration_text(time.high_s)
    return found
