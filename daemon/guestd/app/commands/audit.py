"""`guestd audit verify | export`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ...model.errors import CommandError, JournalError
from ...model.times import iso
from ...observe.terminal_text import json_line, one_line
from .files import AsJson, File, find_audit, guarded

app = typer.Typer(
    help="Prove that the audit is whole, or read it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Directory = Annotated[Path | None, typer.Argument(help="The audit's directory.")]


@app.command(epilog="Example:\n\nguestd audit verify /var/lib/guestd/audit")
def verify(
    directory: Directory = None,
    config: File = None,
    seen: Annotated[
        str, typer.Option(help="The hash of a line noted earlier, which must still be there.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Read every line; say which one was changed, removed or put in. Exit 74 if any was. Note the
    hash it ends with."""

    def work() -> None:
        from ...audit.verify import verify as verified

        verdict = verified(find_audit(config, directory), seen)
        if as_json:
            found = {"ok": not verdict.problems, "lines": verdict.lines, "head": verdict.head}
            print(json.dumps({**found, "problems": verdict.problems}))
        elif not verdict.problems:
            print(
                f"the audit is whole: {verdict.lines} lines, the last one's hash is {verdict.head}"
            )
        if verdict.problems:
            raise JournalError("\n".join(verdict.problems))

    guarded(work, as_json)


@app.command(
    epilog=(
        "Example:\n\nguestd audit export --since 2026-01-01 --until 2026-02-01 --conversation ID"
        " --json"
    )
)
def export(
    directory: Directory = None,
    config: File = None,
    since: Annotated[
        str, typer.Option(help="From this time on (ISO 8601; UTC if it says nothing else).")
    ] = "",
    until: Annotated[str, typer.Option(help="Before this time.")] = "",
    conversation: Annotated[str, typer.Option(help="Of one conversation or guest session.")] = "",
    as_json: AsJson = False,
) -> None:
    """What the audit says, oldest first. Lines that were changed are left out: see verify."""

    def work() -> None:
        from ...audit.verify import select

        place = find_audit(config, directory)
        for line in select(place, _time("since", since), _time("until", until), conversation):
            sys.stdout.write((json_line(line) if as_json else one_line(_readable(line))) + "\n")

    guarded(work, as_json)


def _time(name: str, text: str) -> str:
    """As the lines write it."""
    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"--{name}: {text!r} is not a time; write 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    return iso(found if found.tzinfo is not None else found.replace(tzinfo=UTC))


def _readable(line: dict[str, Any]) -> str:
    who = line.get("conversation") or line.get("session") or ""
    error = line.get("error", {}).get("error_code", "")
    latency = f"{line['latency_ms']} ms" if "latency_ms" in line else ""
    return "  ".join(
        part for part in (line["time"], line["action"], line["status"], who, latency, error) if part
    )
