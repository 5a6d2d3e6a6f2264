"""ARCHITECTURE.md and CONTRIBUTING.md say what is there: their paths and functions."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "daemon" / "guestd"
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
PATHS = sorted(set(re.findall(r"`([\w./]+(?:\.py|\.md|/))`", PAGE + GUIDE)))


def place_of(path: str) -> Path:
    return PACKAGE / path if (PACKAGE / path).exists() else ROOT / path


@cache
def defined(path: str) -> set[str]:
    """Functions, classes and `Class.method` of a file."""
    tree = ast.parse(place_of(path).read_text())
    made = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = {node.name for node in tree.body if isinstance(node, made)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, made)}
    return found


def named() -> list[tuple[str, str]]:
    """The function or class that stands behind a file's name; a bare `Class.method` belongs to the
    file before it or to one that defines it."""
    return re.findall(r"`([\w/]+\.py)` `([A-Za-z_.]+)`", PAGE + GUIDE)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path):
    assert place_of(path).exists()


def test_every_function_is_in_its_file():
    gone = [(path, name) for path, name in named() if name not in defined(path)]
    assert gone == []
    assert len(named()) > 20


def test_every_method_that_is_named_alone_is_in_a_file_that_is_named():
    everything = set().union(*(defined(path) for path in PATHS if path.endswith(".py")))
    alone = set(re.findall(r"`([A-Z]\w+\.\w+)`", PAGE))
    assert alone - everything == set()


@pytest.mark.parametrize("path", ["README.md", "daemon/guestd/__init__.py"])
def test_others_name_the_page_and_do_not_draw_the_layers_again(path):
    text = (ROOT / path).read_text()
    assert "ARCHITECTURE.md" in text
    assert not re.search(r"\b(?:supervisor|transport|policy)/", text)
