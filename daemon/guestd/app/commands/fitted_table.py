"""A table that fits into a terminal: columns are left out before a value is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...observe.terminal_text import one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

#: Between two columns.
GAP = 2


class FittedTable:
    """For rich. `may_go`: the columns that a narrow terminal does without, the first one first.
    What does not fit even so goes on in the next line. What others have said in it is clean, and
    no markup."""

    def __init__(
        self, columns: Sequence[str], rows: Sequence[Sequence[Any]], may_go: Sequence[str]
    ) -> None:
        self._columns = columns
        self._rows = [[one_line(value) for value in row] for row in rows]
        self._may_go = [columns.index(one) for one in may_go]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        from rich.table import Column, Table
        from rich.text import Text

        shown = self._shown(options.max_width)
        headers = (Column(self._columns[n], overflow="fold") for n in shown)
        table = Table(*headers, box=None, pad_edge=False)
        for row in self._rows:
            table.add_row(*(Text(row[n]) for n in shown))
        yield table

    def _shown(self, width: int) -> list[int]:
        """The columns that stay."""
        from rich.cells import cell_len

        widths = [
            max(cell_len(value) for value in (name, *(row[n] for row in self._rows)))
            for n, name in enumerate(self._columns)
        ]
        shown = [n for n in range(len(widths)) if n not in self._may_go]
        for n in reversed(self._may_go):
            if sum(widths[one] + GAP for one in (*shown, n)) - GAP <= width:
                shown.append(n)
        return sorted(shown)
