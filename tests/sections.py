"""Settings for a test: figures by name, each put into the section that has it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import SecretStr


def split(figures: dict[str, Any], *sections: type) -> list[Any]:
    """One object of each class; a figure goes to the first class that has a field of its name."""
    given: list[dict[str, Any]] = [{} for _ in sections]
    for name, value in figures.items():
        (place, *_) = [n for n, one in enumerate(sections) if name in names_of(one)] or [None]
        assert place is not None, f"{name} is in none of these sections"
        is_secret = name == "token" and isinstance(value, str)
        given[place][name] = SecretStr(value) if is_secret else value
    return [section(**one) for section, one in zip(sections, given, strict=True)]


def names_of(section: type) -> set[str]:
    return {one.name for one in fields(section)}
