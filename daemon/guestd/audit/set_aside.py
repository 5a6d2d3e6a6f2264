"""What is damaged or in the way keeps its content under another name, for later examination."""

from __future__ import annotations

import os
from pathlib import Path

ASIDE = ".damaged-"


def set_aside(path: Path) -> None:
    """Give a file that is in the way another name; an empty one is deleted."""
    if path.exists() and path.stat().st_size:
        path.rename(_free_name(path))
    else:
        path.unlink(missing_ok=True)


def kept_copy(path: Path) -> str:
    """A second name for a file that is about to be replaced, and which; "" if there is no file. The
    same again if asked again."""
    if not path.exists():
        return ""
    for known in path.parent.glob(f"{path.name}{ASIDE}*"):
        if known.samefile(path):
            return known.name
    copy = _free_name(path)
    os.link(path, copy)
    return copy.name


def _free_name(path: Path) -> Path:
    number = 1
    while (found := path.with_name(f"{path.name}{ASIDE}{number}")).exists():
        number += 1
    return found
