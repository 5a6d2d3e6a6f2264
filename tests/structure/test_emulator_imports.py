"""The emulator's modules and packages import each other without a circle. Imports under
TYPE_CHECKING count as any other: a circle of types is a circle of calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2] / "daemon"
EMULATOR = "guestd.emulator"


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "guestd" / "emulator").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, is_package: bool, source: str, known: Iterable[str]) -> set[str]:
    """The modules among `known` that this one imports, wherever in the file it does."""
    package = name if is_package else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in known else base)
    return (found & set(known)) - {name}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of the graph; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def emulator_graph() -> dict[str, set[str]]:
    """The package `guestd.emulator` itself is left out: it re-exports, and looks names up late."""
    known = {name: path for name, path in modules().items() if name != EMULATOR}
    return {
        name: imported(name, path.name == "__init__.py", path.read_text(), known)
        for name, path in known.items()
    }


def test_no_import_circle_among_the_modules():
    assert circle(emulator_graph()) == []


def test_no_import_circle_among_the_packages():
    def group(name: str) -> str:
        return ".".join(name.split(".")[:3])

    packages: dict[str, set[str]] = {}
    for name, used in emulator_graph().items():
        packages.setdefault(group(name), set()).update(map(group, used))
    for name, used in packages.items():
        used.discard(name)
    assert circle(packages) == []


def test_only_the_outside_names_the_emulator_class():
    """Servers are typed against a narrow context, never against `Emulator`."""
    named = {
        name.removeprefix(f"{EMULATOR}.")
        for name, used in emulator_graph().items()
        if f"{EMULATOR}.server" in used
    }
    assert named == set()


def test_this_test_can_fail():
    known = ["a.b", "a.c", "a.d.e"]
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .c import X\n"
    assert imported("a.b", False, typed, known) == {"a.c"}
    assert imported("a.d.e", False, "from .. import b\nfrom ..c import X", known) == {"a.b", "a.c"}
    assert circle({"a.b": {"a.c"}, "a.c": {"a.b"}}) != []
    assert circle({"a.b": {"a.c"}, "a.c": set()}) == []
