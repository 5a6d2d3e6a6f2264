"""One scenario of a file: a list of steps, or a mapping with its guests, data and steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .file import GuestProfile
from .kinds import WRONG, DurationValue, FlagValue, Json, NumberValue, TextValue, refuse
from .reading import FileReading
from .step_keys import TEMPLATE, VALUES
from .step_values import STEPS
from .tables import AnyValue, ByShape, FileKey, KeyTable, ListValue, NamedValues
from .templates import KNOWN_NAMES
from .tester_keys import TESTER_SCENARIO
from .yaml_tree import YamlList, YamlMap, YamlNode, YamlScalar

#: A row for each guest of a large run, and what it takes of memory is bounded.
ROWS_MAX = 100_000
CSV_BYTES_MAX = 16 * 1024 * 1024


@dataclass(slots=True, frozen=True)
class CsvValue:
    """A CSV file with the names of its columns in the first line, read into rows."""

    words: str = "the path of a CSV file"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        path = TextValue(self.words).read(node, key, reading)
        if not isinstance(path, str):
            return WRONG
        try:
            text = reading.files.bytes_of(path, CSV_BYTES_MAX).decode("utf-8-sig")
            return _rows(text)
        except UnicodeDecodeError:
            reading.wrong(node, key, f"{path} is not in UTF-8", "save it as UTF-8")
        except OSError as bad:
            reason = f"{path} cannot be read: {(bad.strerror or str(bad)).lower()}"
            reading.wrong(node, key, reason, "paths begin at this file's directory")
        except (ValueError, csv.Error) as bad:
            reading.wrong(node, key, f"{path}{bad}", "mend that file")
        return WRONG

    def schema(self) -> Json:
        return TextValue().schema()


def _rows(text: str) -> tuple[dict[str, str], ...]:
    """Raises ValueError that begins with the line."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    columns: list[str] = []
    try:
        for values in lines:
            if not values:
                continue
            if not columns:
                _check_separator(values)
                columns = [one.strip() for one in values]
                _check_columns(columns)
            elif len(values) != len(columns):
                raise ValueError(f" has {len(values)} values, and {len(columns)} columns")
            else:
                rows.append(dict(zip(columns, values, strict=True)))
            if len(rows) > ROWS_MAX:
                raise ValueError(f" is more than {ROWS_MAX} rows")
    except (ValueError, csv.Error) as bad:
        said = str(bad) if isinstance(bad, ValueError) else f" is no CSV: {bad}"
        raise ValueError(f":{lines.line_num}:{said}") from None
    if not rows:
        raise ValueError(": has no rows below its columns")
    return tuple(rows)


def _check_separator(first: Sequence[str]) -> None:
    """Spreadsheets write other separators in some languages."""
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(first) == 1 and separator in first[0]:
            raise ValueError(f" has {called} between its columns; separate them by commas")


def _check_columns(columns: Sequence[str]) -> None:
    for place, name in enumerate(columns):
        if problem := _column_problem(name):
            raise ValueError(f" column {place + 1} {problem}")
        if name in columns[:place]:
            raise ValueError(f" has the column {name} twice")


def _column_problem(name: str) -> str:
    if not name.strip() or "{" in name or "}" in name:
        return "has no name that can stand in ${…}"
    return f"is called {name}, which means something else" if name in KNOWN_NAMES else ""


@dataclass(slots=True, frozen=True)
class RowsValue:
    words: str = "a list of rows, each with the same names"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        rows = _ROWS.read(node, key, reading)
        if rows is WRONG or not isinstance(node, YamlList) or len(rows) < len(node.items):
            return WRONG
        for place, (row, item) in enumerate(zip(rows, node.items, strict=True)):
            below = f"{key}[{place}]"
            for name in row:
                if problem := _column_problem(name):
                    reading.wrong(item, f"{below}.{name}", problem, "rename it")
            for name in sorted(rows[0].keys() ^ row.keys()):
                problem = "is missing" if name in rows[0] else "is not in the first row"
                reading.wrong(item, f"{below}.{name}", problem, "write it in all rows, or in none")
        return rows

    def schema(self) -> Json:
        return _ROWS.schema()


_ROWS = ListValue(
    NamedValues(TextValue("a value", loose=True, may_be_empty=True), "names with values", least=1),
    "a list of rows",
    least=1,
)


@dataclass(slots=True, frozen=True)
class DataValue:
    """The rows; their columns are names from here on."""

    words: str = "the path of a CSV file, or a list of rows"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        rows = _DATA.read(node, key, reading)
        if isinstance(rows, tuple) and rows:
            reading.begin_scenario(rows[0])
        elif rows is WRONG:
            reading.names = None  # unknown: each use of a column would be reported, too
        return rows

    def schema(self) -> Json:
        return _DATA.schema()


_DATA = ByShape("the path of a CSV file, or a list of rows", text=CsvValue(), many=RowsValue())

GUEST = KeyTable(
    "who the guests are",
    (
        FileKey("name", TEMPLATE, "The name that agents see.", field="display_name"),
        FileKey("email", TEMPLATE, "Their address."),
        FileKey("attributes", VALUES, "Custom attributes of their first message."),
        FileKey("metadata", NamedValues(AnyValue(), "names with values"),
                "Metadata of the guest session, for guestd itself."),
        FileKey("authenticated", FlagValue(), "Signed in, by the configured identity.",
                default="false"),
    ),
    lambda found, node, key, reading: GuestProfile(**found),
)  # fmt: skip

SCENARIO = KeyTable(
    "a scenario",
    (
        FileKey("weight", NumberValue(high=1e6, above_low=True),
                "How often it is chosen, beside the others.", default="1"),
        FileKey("timeout", DurationValue(above_zero=True), "It is failed after so long.",
                default="none", field="for_s"),
        FileKey("data", DataValue(), "Rows, one for each guest in turn, and in `guestd test` each"
                " of them a case; `${column}` in a text."),
        FileKey("guest", GUEST, "Who the guests are."),
        FileKey("steps", STEPS, "What they do, one after the other.", required=True),
    ),
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class ScenarioValue:
    """The fields of a Scenario without its name, which is the key."""

    words: str = "a list of steps, or a mapping with `steps`"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        reading.begin_scenario(())
        try:
            fields = self._fields(node, key, reading)
        finally:
            reading.end_scenario()
        return WRONG if fields is WRONG else {"place": reading.place(node), **fields}

    def _fields(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if isinstance(node, YamlList):
            return {"steps": STEPS.read(node, key, reading)}
        if not isinstance(node, YamlMap):
            return refuse(self, node, key, reading, "begin each step with a dash")
        is_testers = any(
            isinstance(name, YamlScalar) and name.text == "setup" for name, _ in node.entries
        )
        return (TESTER_SCENARIO if is_testers else SCENARIO).read(node, key, reading)

    def schema(self) -> Json:
        kinds = (STEPS, SCENARIO, TESTER_SCENARIO)
        return {"anyOf": [one.schema() for one in kinds]}
