"""`guestd load init | check | schema`: scenario files before they are run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...observe.terminal_text import one_line
from .. import exit_codes

if TYPE_CHECKING:
    from ...load.scenario.problems import ScenarioFileError

INIT_EXAMPLE = "Example:\n\nguestd load init parcel.yml"

CHECK_EXAMPLES = """Examples:

guestd load check parcel.yml

guestd load check scenarios/*.yml --json"""


def register(app: typer.Typer) -> None:
    """As commands of `guestd load`."""
    app.command("init", epilog=INIT_EXAMPLE)(init)
    app.command("check", epilog=CHECK_EXAMPLES)(check)
    app.command("schema", epilog="Example:\n\nguestd load schema > guestd-scenario.schema.json")(
        schema
    )


def init(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Where to write it; standard output if left out."),
    ] = None,
) -> None:
    """Write a scenario file with comments, and beside it the schema that lets an editor complete
    it."""
    from ...load.scenario.example import example_text
    from ...load.scenario.schema import FILE_NAME, scenario_schema_text
    from ...model.errors import CommandError

    if path is None:
        sys.stdout.write(example_text())
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(example_text())
        path.with_name(FILE_NAME).write_text(scenario_schema_text(), encoding="utf-8")
    except FileExistsError:
        problem = f"{path} already exists; name a file that does not, or remove it"
        raise typer.Exit(exit_codes.tell(CommandError(problem), exit_codes.USAGE)) from None
    except OSError as bad:
        reason = (bad.strerror or str(bad)).lower()
        problem = f"{path} cannot be written: {reason}; name another place"
        raise typer.Exit(exit_codes.tell(CommandError(problem), exit_codes.USAGE)) from None
    print(f"wrote {path}, and {FILE_NAME} beside it for editors")


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Say everything that is wrong with scenario files, with lines, or how many scenarios and steps
    they have."""
    found = [_checked(path) for path in files]
    is_good = all(one["ok"] for one in found)
    if as_json:
        print(json.dumps({"ok": is_good, "files": found}))
    else:
        for one in found:
            _tell(one)
    if not is_good:
        raise typer.Exit(exit_codes.USAGE)


def schema() -> None:
    """The JSON Schema of scenario files, for editors."""
    from ...load.scenario.schema import scenario_schema_text

    sys.stdout.write(scenario_schema_text())


def _checked(path: Path) -> dict[str, Any]:
    from ...load.scenario.problems import ScenarioFileError
    from ...load.scenario.reader import read_file
    from ...load.scenario.walk import every_step

    try:
        file = read_file(path)
    except ScenarioFileError as bad:
        return {"file": str(path), "ok": False, "problems": _problems(bad)}
    return {
        "file": str(path),
        "ok": True,
        "scenarios": len(file.scenarios),
        "steps": sum(1 for one in file.scenarios for _ in every_step(one.steps)),
        "notes": list(file.notes),
    }


def _problems(bad: ScenarioFileError) -> list[dict[str, Any]]:
    return [
        {"line": one.line, "key": one.key, "problem": one.problem, "remedy": one.remedy}
        for one in bad.problems
    ]


def _tell(found: dict[str, Any]) -> None:
    from ...load.scenario.problems import FileProblem, ScenarioFileError

    if not found["ok"]:
        error = ScenarioFileError(found["file"], (FileProblem(**one) for one in found["problems"]))
        exit_codes.tell(error, exit_codes.USAGE)
        return
    for note in found["notes"]:
        print(f"guestd: note: {one_line(note)}", file=sys.stderr)
    counted = f"{_many(found['scenarios'], 'scenario')}, {_many(found['steps'], 'step')}"
    print(f"{one_line(found['file'])}: {counted}")


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
