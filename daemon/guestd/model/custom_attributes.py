"""What the platform takes of custom attributes: so many bytes, keys and values together."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import CommandError


def too_large(attributes: Mapping[str, str], bytes_max: int, field: str) -> CommandError | None:
    """Why they are refused, or None."""
    size = sum(len(key.encode()) + len(value.encode()) for key, value in attributes.items())
    if size <= bytes_max:
        return None
    return CommandError(
        f"{field} has {size} bytes, the limit is {bytes_max}; send less",
        code="too_long",
        field=field,
    )
