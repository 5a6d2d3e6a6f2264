"""The session's machine, and the virtual guest of a load, stay machines over small values: their
shape is counted from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from guestd.session.machine import _STEPS

PRODUCT = Path(__file__).parents[2] / "daemon" / "guestd"
SESSION = sorted((PRODUCT / "session").glob("*.py"))
GUEST = sorted((PRODUCT / "load" / "guest").glob("*.py"))

METHODS_MAX = 45
ATTRIBUTES_MAX = 16

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def nodes(path: Path, *kinds: type) -> list:
    return [one for one in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(one, kinds)]


def attributes_of(node: ast.ClassDef) -> set[str]:
    """Those in `__slots__`, in annotations of the class body, or set on `self`."""
    found: set[str] = set()
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation):
            found.add(ast.unparse(one.target))
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__slots__":
            found |= set(ast.literal_eval(one.value))
    for one in ast.walk(node):
        is_set = isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store)
        if is_set and ast.unparse(one.value) == "self":
            found.add(one.attr)
    return found


@pytest.mark.parametrize("path", [*SESSION, *GUEST], ids=lambda path: path.name)
def test_no_class_is_larger_than_a_reader_can_hold(path):
    for node in nodes(path, ast.ClassDef):
        methods = [one for one in node.body if isinstance(one, FUNCTIONS)]
        assert len(methods) <= METHODS_MAX, node.name
        if path.name != "settings.py":
            assert len(attributes_of(node)) <= ATTRIBUTES_MAX, node.name


@pytest.mark.parametrize("path", SESSION, ids=lambda path: path.name)
def test_no_part_calls_up(path):
    text = path.read_text("utf-8")
    assert "NotImplementedError" not in text
    assert not [
        node.name
        for node in nodes(path, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base) not in ("Enum", "AssertionError", "Protocol")
    ], "values, not a chain of classes"


def test_handlers_return_nothing():
    """Neither True for "a deadline may have changed" nor anything else: effects are written."""
    handlers = {method.__name__ for method, _, _ in _STEPS.values()}
    path = PRODUCT / "session" / "machine.py"
    found = {node.name: node for node in nodes(path, *FUNCTIONS) if node.name in handlers}
    assert set(found) == handlers
    for node in found.values():
        assert ast.unparse(node.returns) == "None", node.name


def parts_of(path: Path) -> set[str]:
    return {
        node.module or ""
        for node in nodes(path, ast.ImportFrom)
        if node.level == 1 and node.module is not None
    }


def test_the_parts_know_nothing_of_each_other():
    parts = {"inbound", "outbound", "files", "download_links", "connection", "departure"}
    for name in parts:
        known = parts_of(PRODUCT / "session" / f"{name}.py")
        assert not known & (parts | {"machine", "conversation"}) - {name}, name


def test_no_dialect_is_known_by_its_name_outside_wire():
    """Traits say what it is like. Left out: the emulator, and what is written as data."""
    names = {"webchat", "webmessaging"}
    for path in sorted(PRODUCT.rglob("*.py")):
        if path.parts[len(PRODUCT.parts)] in ("wire", "emulator"):
            continue
        if not any(name in path.read_text("utf-8") for name in names):
            continue
        for node in nodes(path, ast.Compare):
            words = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            assert not names & {w for w in words if isinstance(w, str)}, path
