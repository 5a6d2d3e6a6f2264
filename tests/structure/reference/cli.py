"""docs/reference/cli.md: every command with its arguments, options and examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from guestd.app.cli import app
from guestd.app.exit_codes import EXIT_CODES

from .writing import GENERATED, item, paragraph, table

INTRODUCTION = f"""\
# Command line

{GENERATED}
`--help` (or `-h`) after a command shows the same, `guestd --install-completion` teaches your shell
to complete it.

Commands that speak to a running daemon find it by `--url`, `--socket` and `--token-file`, or by
`GUESTDCTL_URL`, `GUESTDCTL_SOCKET` and `GUESTDCTL_TOKEN`; those that read a configuration take
`-c FILE` ([which file](../configuration.md)). With `--json` they print JSON for programs, errors
too: one object on standard error with `code`, `detail` and `exit_code`.

## Exit codes
"""


def page() -> str:
    root: Any = typer.main.get_command(app)
    parts = [INTRODUCTION]
    parts += table(("code", "means"), ((f"{code}", text) for code, text in EXIT_CODES.items()))
    for name in root.list_commands(None):
        parts += _command(root.get_command(None, name), f"guestd {name}", 2)
    return "\n".join(parts) + "\n"


def _command(command: Any, name: str, level: int) -> Iterator[str]:
    context = command.context_class(command, info_name=name)
    yield f"\n{'#' * level} `{name}`\n"
    yield paragraph(command.help or "")
    yield f"\n```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    records = [found for one in command.params if (found := one.get_help_record(context))]
    if records:
        yield ""
    for shown, text in records:
        facts = re.findall(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]$", text)
        yield item(shown, _facts(facts), text.removesuffix(f"[{facts[0]}]") if facts else text)
    yield from _epilog(command.epilog or "")
    for one in getattr(command, "commands", {}).values():
        yield from _command(one, f"{name} {one.name}", level + 1)


def _facts(found: list[str]) -> list[str]:
    """Those that the help has in brackets: `default: 15s; env var: X`."""
    return [
        re.sub(r"(default|env var): (\S.*)", r"\1 `\2`", one)
        for one in found
        for one in one.split("; ")
    ]


def _epilog(text: str) -> Iterator[str]:
    """Examples as a block of shell, with what is said of each in a comment; the rest as it is."""
    examples, words = [], []
    parts = (part.removeprefix("\b\n") for part in text.split("\n\n"))
    for one in (" ".join(part.splitlines()) for part in parts):
        command, _, note = one.strip().partition("   ")
        if one.startswith(("guestd ", "echo ", "printf ", "curl ")) and "`" not in one:
            examples.append(f"# {note.strip()}\n{command}" if note else command)
        elif one.strip() and not re.fullmatch(r"Examples?:", one.strip()):
            words.append(one)
    if examples:
        yield "\n```sh\n" + "\n".join(examples) + "\n```"
    for one in words:
        yield "\n" + paragraph(one)
