"""`guestd load compare`: two runs beside each other, from their summaries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import exit_codes

if TYPE_CHECKING:
    from ...load.measure.compare import RunComparison
    from ...load.results import Summary

#: As a failed threshold of a run.
SLOWER = 99

EXAMPLES = """Examples:

guestd load compare before.json after.json

guestd load compare before.json after.json --report compare.html --fail-if-slower

The files are what `guestd load FILE --summary` has written.

Of a run that is not valid the times are not compared: the load generator was too slow itself.

Exit codes: 0 compared; with --fail-if-slower 99 the second is slower, or more was lost or failed,
111 not comparable; 2 usage or a bad file."""


def register(app: typer.Typer) -> None:
    app.command("compare", epilog=EXAMPLES)(compare)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json", help="Summary of the run before.")],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="Summary of the run after.")],
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the comparison as JSON.")] = False,
    fail_if_slower: Annotated[
        bool,
        typer.Option(
            "--fail-if-slower",
            help="Exit with 99 if the second is slower, or loses more; with 111 if that cannot be"
            " said, because a run is not valid.",
        ),
    ] = False,
) -> None:
    """Say whether the second run is slower or faster than the first, and how sure that is."""
    import shutil

    import msgspec

    from ...load.measure.compare import compare as compared
    from ...load.report.compare_html import compare_html
    from ...load.report.compare_text import compare_text
    from ...load.results import NOT_VALID

    a, b = _read(first), _read(second)
    try:
        found = compared(a, b)
    except ValueError as bad:
        raise _refused(f"the runs cannot be compared: {bad}; write the summaries anew") from None
    if report is not None:
        try:
            report.write_text(compare_html(a, b, found), encoding="utf-8")
        except OSError as bad:
            reason = (bad.strerror or str(bad)).lower()
            raise _refused(f"{report} cannot be written: {reason}; name another place") from None
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        width = min(100, shutil.get_terminal_size().columns)
        print(compare_text(a, b, found, width, sys.stdout.isatty()), end="")
    if fail_if_slower and is_worse(found):
        raise typer.Exit(SLOWER)
    if fail_if_slower and not found.comparable:
        raise typer.Exit(NOT_VALID)


def is_worse(found: RunComparison) -> bool:
    """What a guest meets: not the echo as it was sent. The times of runs that are not comparable
    say nothing, but more that was lost or failed is worse all the same."""
    felt = [one for one in found.measures if one.name != "echo_as_sent"]
    slower = found.comparable and any(one.verdict in ("slower", "mixed") for one in felt)
    return slower or any(one.verdict == "more" for one in found.counts)


def _read(path: Path) -> Summary:
    """Raises typer.Exit with what is wrong with the file."""
    import msgspec

    from ...load.results import Summary

    try:
        return msgspec.json.decode(path.read_bytes(), type=Summary)
    except OSError as bad:
        reason = (bad.strerror or str(bad)).lower()
        raise _refused(f"{path} cannot be read: {reason}; name a summary") from None
    except msgspec.DecodeError as bad:
        problem = f"{path} is not the summary of a run: {bad}; write one with --summary"
        raise _refused(problem) from None


def _refused(problem: str) -> typer.Exit:
    from ...model.errors import CommandError

    return typer.Exit(exit_codes.tell(CommandError(problem), exit_codes.USAGE))
