"""On which line of a TOML file each key stands. `tomllib` gives the values alone.

It is asked only when something is wrong, so that a message can name the line. A file that is not
TOML is read as far as it can be; what it repeats is known even then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]

_KEY = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:\\.|[^"\\\n])*)"|'([^'\n]*)')[ \t]*""")
#: What may hold a line break or a bracket that ends nothing.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)


@dataclass(slots=True, frozen=True)
class Repeated:
    """A key or a table that is written twice."""

    path: KeyPath
    line: int
    first_line: int


@dataclass(slots=True)
class KeyLines:
    """`lines` by path; a place in an array of tables is a number. Lines begin at 1."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    repeated: list[Repeated] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int | None:
        """Of the key, or of the nearest table around it that is written in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def key_lines(text: str) -> KeyLines:
    return _Scan(text.replace("\r\n", "\n")).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._found = KeyLines()
        self._written: set[KeyPath] = set()
        self._counts: dict[KeyPath, int] = {}

    def run(self) -> KeyLines:
        prefix: KeyPath = ()
        while self._skip_to_statement():
            start = self._at
            if self._text.startswith("[", start):
                prefix = self._header()
            elif path := self._dotted():
                self._written_at(prefix + path)
                self._skip_value()
            if self._at == start:  # not TOML: the rest of the line is left out
                self._skip_line()
        return self._found

    def _header(self) -> KeyPath:
        is_list = self._text.startswith("[[", self._at)
        self._at += 2 if is_list else 1
        path = self._in_lists(self._dotted(), is_list)
        if is_list:
            n = self._counts.get(path, 0)
            self._counts[path] = n + 1
            path = (*path, n)
        self._written_at(path)
        self._skip_line()
        return path

    def _in_lists(self, path: KeyPath, is_list: bool) -> KeyPath:
        """With the place in each array of tables on the way."""
        whole: KeyPath = ()
        for n, part in enumerate(path):
            whole = (*whole, part)
            is_last = n == len(path) - 1
            if whole in self._counts and not (is_last and is_list):
                whole = (*whole, self._counts[whole] - 1)
        return whole

    def _dotted(self) -> KeyPath:
        parts: list[str] = []
        while match := _KEY.match(self._text, self._at):
            parts.append(next(part for part in match.groups() if part is not None))
            self._at = match.end()
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        return tuple(parts)

    def _written_at(self, path: KeyPath) -> None:
        if not path:
            return
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        if path in self._written:
            self._found.repeated.append(Repeated(path, self._line, self._found.lines[path]))
        self._written.add(path)
        for length in range(1, len(path) + 1):
            self._found.lines.setdefault(path[:length], self._line)
        self._found.lines[path] = min(self._found.lines[path], self._line)

    # ------------------------------------------------------------------ over what has no key

    def _skip_to_statement(self) -> bool:
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._skip_line()
            elif self._text[self._at].isspace():
                self._at += 1
            else:
                return True
        return False

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end + 1

    def _skip_value(self) -> None:
        """To the end of the line on which the value ends."""
        depth = 0
        while self._at < len(self._text):
            one = self._text[self._at]
            if one in "\"'" and (match := _STRING.match(self._text, self._at)):
                self._at = match.end()
                continue
            if one == "#":
                self._skip_line()
                if depth <= 0:
                    return
                continue
            depth += (one in "[{") - (one in "]}")
            self._at += 1
            if one == "\n" and depth <= 0:
                return
