"""How deep JSON from outside may be nested: nobody means more, and what is written out again must not be deeper than the writer
can go."""

from __future__ import annotations

from typing import Any

DEPTH_MAX = 64


def is_deeper(value: Any, levels: int = DEPTH_MAX) -> bool:
    """Level by level, not by recursion."""
    level = [value]
    for _ in range(levels + 1):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
