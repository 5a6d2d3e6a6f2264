"""The fields of a signal's class: nearly all are dataclasses, the most frequent one is a Struct."""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec import Struct, structs


def fields_of(kind: Any) -> Any:
    """Each has `name` and `type`. Takes a class or an instance."""
    cls = kind if isinstance(kind, type) else type(kind)
    return structs.fields(cls) if issubclass(cls, Struct) else dataclasses.fields(cls)
