"""The scenario file that `guestd load init` writes."""

from __future__ import annotations

from importlib.resources import files


def example_text() -> str:
    return (files(__package__) / "example.yml").read_text(encoding="utf-8")
