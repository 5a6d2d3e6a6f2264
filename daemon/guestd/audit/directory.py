"""The audit's directory: which files there are, in what order, and what stands in them. Reading
only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

NAME = re.compile(r"audit-(\d{12})-(\d{8})\.jsonl")

#: How far back a file is read to recognise what was written before a crash: far more than a page of
#: lines.
LAST_BYTES = 4 * 1024 * 1024


def name_of(first_n: int, day: datetime) -> str:
    """The number of a file's first line, and the day it was begun (UTC)."""
    return f"audit-{first_n:012d}-{day:%Y%m%d}.jsonl"


def files_of(directory: Path) -> list[Path]:
    """In the order of their lines."""
    return sorted(directory.glob("audit-*.jsonl"))


def last_lines(path: Path) -> list[bytes]:
    """Those in the last LAST_BYTES, oldest first."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        return file.read().split(b"\n")


def day_of(name: str) -> str:
    return name.removesuffix(".jsonl").rpartition("-")[2]


def newest_day_ms(files: Sequence[Path]) -> int:
    """When the day of the newest file began; 0 if there is none. The clock has certainly been
    there."""
    found = NAME.fullmatch(files[-1].name) if files else None
    try:
        began = (
            datetime.strptime(found[2], "%Y%m%d").replace(tzinfo=UTC) if found is not None else None
        )
    except ValueError:
        return 0
    return 0 if began is None else int(began.timestamp() * 1000)


def every_line(directory: Path) -> Iterator[tuple[Path, int, bytes, bool]]:
    """File, line number in it, bytes without the newline, and whether the newline is there."""
    for path in files_of(directory):
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                yield path, number, raw.rstrip(b"\n"), raw.endswith(b"\n")
