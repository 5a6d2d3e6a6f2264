"""A file of the product fits into a reader's head and a function onto a screen; no exceptions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parents[2] / "daemon" / "guestd"
FILES = sorted(PRODUCT.rglob("*.py"))

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 450


def too_long(source: str) -> list[str]:
    """Its functions of too many lines, and "file" if it has too many itself."""
    found = ["file"] if len(source.splitlines()) > FILE_LINES_MAX else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                found.append(node.name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PRODUCT)))
def test_no_file_and_no_function_is_too_long(path):
    assert too_long(path.read_text("utf-8")) == []


def test_what_is_too_long_would_be_found():
    lines = "    x = 1\n" * FUNCTION_LINES_MAX
    assert too_long(f"def f():\n{lines}") == ["f"]
    assert too_long(f"class A:\n    async def g(self):\n{lines.replace('    x', '        x')}") == [
        "g"
    ]
    assert too_long("x = 1\n" * (FILE_LINES_MAX + 1)) == ["file"]
    assert too_long("x = 1\n" * FILE_LINES_MAX) == []
