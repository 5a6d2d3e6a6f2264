"""Imports go down, the pure packages do no I/O, no modules import each other in a circle: read from
the source, so that no run can hide it. Imports under `TYPE_CHECKING` and inside functions count."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "daemon" / "guestd"

#: (layer, "b" if it stands between two, package, "also" or "only" with other packages, or "")
TABLE = re.findall(
    r"^\| (\d)(b?) \| `(\w+)/` \| [^|]+ \| ([^|]*)\|$",
    (ROOT.parents[1] / "ARCHITECTURE.md").read_text(),
    re.MULTILINE,
)
LAYER = {package: int(layer) + (0.5 if half else 0) for layer, half, package, _ in TABLE}


def named(word: str) -> dict[str, set[str]]:
    """Package → the packages that its row names after `word`."""
    rows = {package: reported for _, _, package, reported in TABLE if reported.startswith(word)}
    return {package: set(re.findall(r"`(\w+)`", reported)) for package, reported in rows.items()}


MAY_ALSO = {(package, other) for package, others in named("also").items() for other in others}
ONLY = named("only")
PURE = {"wire", "session", "policy", "model"}
#: Parts of a package that does I/O elsewhere.
PURE_PARTS = {("load", "guest"), ("load", "plan")}
NO_IO = {
    "asyncio",
    "time",
    "os",
    "logging",
    "socket",
    "ssl",
    "threading",
    "subprocess",
    "select",
    "signal",
    "secrets",
    "uvloop",
}

#: Circles that are not cut yet.
CIRCLES_IN = {"emulator"}


@cache
def imports_of(source: str, package: tuple[str, ...]) -> frozenset[str]:
    """Every imported module, absolute; `package` is that of the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            prefix = ".".join(part for part in (base, node.module or "") if part)
            found.add(prefix)
            found |= {f"{prefix}.{alias.name}" for alias in node.names}
    return frozenset(found)


def violations(package: str, source: str, parts: tuple[str, ...]) -> list[str]:
    wrong = []
    modules = imports_of(source, parts)
    used = {name.split(".")[1] for name in modules if name.startswith("guestd.")} & set(LAYER)
    for other in sorted(used - {package}):
        down = LAYER[other] < LAYER[package] or (package, other) in MAY_ALSO
        if (
            not down
            or other not in ONLY.get(package, {other})
            or (LAYER[package] in (3, 4) and LAYER[other] == 2)
        ):
            wrong.append(f"{package} must not import {other}")
    if package in PURE or parts[1:3] in PURE_PARTS:
        tops = {name.split(".")[0] for name in modules}
        wrong += [f"{package} is pure and must not import {name}" for name in sorted(tops & NO_IO)]
        tree = ast.parse(source)
        wrong += [
            f"{package} is pure and must not await"
            for node in ast.walk(tree)
            if isinstance(node, ast.Await)
        ]
        wrong += [
            f"global randomness in {package}"
            for name in modules
            if name.startswith("random.") and name != "random.Random"
        ]
    return wrong


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        path.append(module)
        for other in sorted(imports[module] & set(imports)):
            if other not in number:
                visit(other)
            if other in path:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            at = path.index(module)
            if len(path) > at + 1:
                found.append(sorted(path[at:]))
            del path[at:]

    for module in imports:
        if module not in number:
            visit(module)
    return found


def sources() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Module → source and the parts of its package."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(), parts[:-1]
    return found


def above(module: str) -> set[str]:
    """The module itself and the packages that it is in: imported before it, whatever it says."""
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts) + 1)}


def test_imports_go_down_and_pure_packages_do_no_io():
    wrong = []
    for module, (source, parts) in sources().items():
        if len(parts) > 1:
            wrong += [f"{module}: {one}" for one in violations(parts[1], source, parts)]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle():
    modules = sources()
    imports = {
        module: imports_of(source, parts) & set(modules) - above(module)
        for module, (source, parts) in modules.items()
    }
    found = [
        circle
        for circle in circles(imports)
        if not all(module.split(".")[1] in CIRCLES_IN for module in circle)
    ]
    assert not found, found


def test_every_package_has_a_layer():
    packages = {
        path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert packages == set(LAYER)
    assert {("session", "policy"), ("observe", "model")} == MAY_ALSO
    assert set(ONLY) == {"emulator", "runtime", "console"} and "wire" not in ONLY["emulator"]


def test_this_test_can_fail():
    parts = ("guestd", "session")
    assert violations("session", "from ..wire import dialect", parts) == [
        "session must not import wire"
    ]
    assert violations("session", "from ..policy import backoff", parts) == []
    assert violations("session", "import time", parts) == [
        "session is pure and must not import time"
    ]
    assert violations("session", "from random import choice", parts) == [
        "global randomness in session"
    ]
    assert violations("load", "import time", ("guestd", "load", "plan")) == [
        "load is pure and must not import time"
    ]
    assert violations("load", "import time", ("guestd", "load", "run")) == []
    assert violations("emulator", "from ..wire import dialect", ("guestd", "emulator")) == [
        "emulator must not import wire"
    ]
    assert violations("supervisor", "from ..transport import x", ("guestd", "supervisor")) == [
        "supervisor must not import transport"
    ]
    assert violations("api", "from ..emulator import x", ("guestd", "api")) == [
        "api must not import emulator"
    ]
    typed = "if TYPE_CHECKING:\n    from ..api import x"
    assert violations("webhooks", typed, ("guestd", "webhooks")) == ["webhooks must not import api"]
    assert violations("runtime", "from ..wire import x", ("guestd", "runtime")) == [
        "runtime must not import wire"
    ]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]
