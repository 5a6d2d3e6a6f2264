"""The assertions of a test, and the test's file without one of them.

An assertion is an `assert` statement, or a `with pytest.raises(...)` whose block then stands alone.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Assertion:
    path: str
    test: str
    line: int
    last_line: int
    text: str

    def removed(self, source: str) -> str:
        lines = source.splitlines(keepends=True)
        indent = lines[self.line - 1][
            : len(lines[self.line - 1]) - len(lines[self.line - 1].lstrip())
        ]
        count = self.last_line - self.line
        lines[self.line - 1 : self.last_line] = [f"{indent}pass\n", *["\n"] * count]
        return "".join(lines)


def assertions_of(root: Path, node_id: str) -> list[Assertion]:
    path, *_, name = node_id.split("::")
    source = (root / path).read_text()
    tree = ast.parse(source)
    return [
        Assertion(
            path,
            name,
            node.lineno,
            node.end_lineno or node.lineno,
            ast.get_source_segment(source, node) or "",
        )
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name == name
        for node in ast.walk(function)
        if isinstance(node, ast.Assert)
    ]
