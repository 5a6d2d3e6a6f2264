"""What a setting says about itself, beside its default: its bounds, its unit, its sentence.

A package's frozen settings class is a section of the configuration file, and each of its fields is
the only place where that figure stands:

    interval_s: Annotated[Seconds, Ge(16), Doc("One heartbeat every so many seconds.")] = 30.0

pydantic reads the bounds when a file is loaded (`app/config.py`), and `config.example.toml` and
`docs/configuration.md` are written from the fields (`app/reference.py`). The classes themselves are
plain dataclasses and check nothing: who builds one in code knows what he writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt

from .durations import milliseconds, seconds


@dataclass(slots=True, frozen=True)
class Doc:
    """What a setting means. `text` may have several lines; those that begin with two spaces are
    shown as they are. `example` is shown for a setting that has no default."""

    text: str
    example: Any = None


@dataclass(slots=True, frozen=True)
class Duration:
    """The field is a time, kept as a number of `unit`s ("s" or "ms"); a person may also write 30s,
    5m, 1h30m or 250ms."""

    unit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # only where pydantic asks

        read = seconds if self.unit == "s" else milliseconds
        return core_schema.no_info_before_validator_function(read, handler(source))


Seconds = Annotated[float, Duration("s"), Gt(0)]
SecondsOrZero = Annotated[float, Duration("s"), Ge(0)]
Milliseconds = Annotated[float, Duration("ms"), Ge(0)]
Count = Annotated[int, Ge(1)]
