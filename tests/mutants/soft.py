"""Tests whose assertions only take notes, so that one run shows all that a mutant breaks.

Each `assert` of the named tests is put into a `try` that writes its place into a file and goes on.
A mutant that breaks exactly one assertion, and nothing else, is the reason why that one is there.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable
from pathlib import Path

#: Where the notes go; set for the tests' process.
NOTES = "MUTANTS_NOTES"


def note(place: str) -> None:
    with open(os.environ[NOTES], "a") as file:
        file.write(f"{place}\n")


def softened(source: str, path: str, tests: Iterable[str]) -> str:
    """The source of a test file with the assertions of these functions softened."""
    tree = ast.parse(source)
    names = set(tests)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name in names:
            _Softening(path).visit(function)
    return ast.unparse(ast.fix_missing_locations(tree))


class _Softening(ast.NodeTransformer):
    def __init__(self, path: str) -> None:
        self._path = path

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        note_it = f"__import__('tests.mutants.soft', fromlist=['note']).note({self._place(node)!r})"
        made = ast.parse(f"try:\n    pass\nexcept AssertionError:\n    {note_it}").body[0]
        assert isinstance(made, ast.Try)
        made.body = [node]
        return made

    def _place(self, node: ast.Assert) -> str:
        return f"{self._path}:{node.lineno}"


def notes_in(file: Path) -> set[str]:
    return set(file.read_text().split()) if file.exists() else set()
