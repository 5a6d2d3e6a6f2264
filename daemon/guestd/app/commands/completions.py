"""What a shell completes for the value of an option. Where nothing fits it offers files."""

from __future__ import annotations

from collections.abc import Callable


def one_of(*words: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def agents(incomplete: str) -> list[str]:
    """The emulator's own; a script of the user's is a file."""
    from ...emulator.agents.script import built_in

    return one_of(*sorted(built_in()))(incomplete)
