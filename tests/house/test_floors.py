"""Imports go down, thinking does no I/O: read from the source, so that no run can hide it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "daemon" / "guestd"

FLOOR = {
    "model": 0,
    "observe": 0,
    "wire": 1,
    "session": 1,
    "policy": 1,
    "turns": 1,
    "transport": 2,
    "platform": 2,
    "journal": 2,
    "identity": 2,
    "records": 2,
    "supervisor": 3,
    "operations": 3,
    "api": 4,
    "emulator": 4,
    "app": 5,
}

#: Doors that the numbers alone would forbid or allow wrongly.
MAY_ALSO = {("session", "policy"), ("turns", "policy"), ("observe", "model")}
EMULATOR_MAY = {"model", "policy", "observe"}
THINKING = {"wire", "session", "policy", "model"}
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


def imports_of(source: str, package: tuple[str, ...]) -> set[str]:
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
    return found


def violations(room: str, source: str, package: tuple[str, ...]) -> list[str]:
    wrong = []
    modules = imports_of(source, package)
    rooms = {name.split(".")[1] for name in modules if name.startswith("guestd.")} & set(FLOOR)
    for other in sorted(rooms - {room}):
        down = FLOOR[other] < FLOOR[room] or (room, other) in MAY_ALSO
        if (
            not down
            or (room == "emulator" and other not in EMULATOR_MAY)
            or (FLOOR[room] in (3, 4) and FLOOR[other] == 2)
        ):
            wrong.append(f"{room} must not import {other}")
    if room in THINKING:
        tops = {name.split(".")[0] for name in modules}
        wrong += [f"{room} thinks and must not import {name}" for name in sorted(tops & NO_IO)]
        tree = ast.parse(source)
        wrong += [
            f"{room} thinks and must not await"
            for node in ast.walk(tree)
            if isinstance(node, ast.Await)
        ]
        wrong += [
            f"global chance in {room}"
            for name in modules
            if name.startswith("random.") and name != "random.Random"
        ]
    return wrong


def test_imports_go_down_and_thinking_does_no_io():
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        if len(parts) < 3:
            continue
        wrong += [
            f"{path.name}: {one}" for one in violations(parts[1], path.read_text(), parts[:-1])
        ]
    assert not wrong, "\n".join(wrong)


def test_every_room_has_a_floor():
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(FLOOR)


def test_this_test_can_fail():
    package = ("guestd", "session")
    assert violations("session", "from ..wire import dialect", package) == [
        "session must not import wire"
    ]
    assert violations("session", "from ..policy import backoff", package) == []
    assert violations("session", "import time", package) == [
        "session thinks and must not import time"
    ]
    assert violations("session", "from random import choice", package) == [
        "global chance in session"
    ]
    assert violations("emulator", "from ..wire import dialect", ("guestd", "emulator")) == [
        "emulator must not import wire"
    ]
    assert violations("supervisor", "from ..transport import x", ("guestd", "supervisor")) == [
        "supervisor must not import transport"
    ]
    assert violations("api", "from ..emulator import x", ("guestd", "api")) == [
        "api must not import emulator"
    ]
