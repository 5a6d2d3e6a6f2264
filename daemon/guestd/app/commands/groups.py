"""A command with commands of its own: an unknown one is answered with the one that was meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup

#: What other programs call it.
_SYNONYMS = {
    "close": ("end",),
    "stop": ("end",),
    "kill": ("end",),
    "delete": ("end", "remove"),
    "create": ("open", "init"),
    "new": ("open", "init"),
    "start": ("open", "run"),
    "ls": ("list",),
    "get": ("show",),
    "tail": ("follow",),
    "watch": ("follow",),
    "validate": ("check",),
}


def _first_sentence(text: str) -> str:
    words = " ".join(text.split())
    return f"{words.partition('. ')[0].removesuffix('.')}."


class SubCommands(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """With the first sentence of each, whole."""
        rows = [(name, _first_sentence(one.help or "")) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            meant = [one for one in _SYNONYMS.get(args[0], ()) if one in self.commands]
            meant += get_close_matches(args[0], self.commands, n=1)
            known = ", ".join(self.commands)
            said = f"did you mean {meant[0]!r}?" if meant else f"there are: {known}"
            ctx.fail(f"there is no command {args[0]!r}; {said}")
        return super().resolve_command(ctx, args)
