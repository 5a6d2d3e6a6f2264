"""`guestd config check | show | init | schema | reference`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ...observe.terminal_text import one_line
from .. import exit_codes
from ..config_problems import ConfigPlaces, ConfigProblems
from ..variables import CONFIG_HELP

app = typer.Typer(
    help="Check the configuration, show the one in effect, write a new one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

File = Annotated[Path | None, typer.Option("-c", "--config", help=CONFIG_HELP)]
Named = Annotated[Path | None, typer.Argument(metavar="FILE", help="The same as -c.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@app.command(epilog="Example:\n\nguestd config check guestd.toml")
def check(file: Named = None, config: File = None, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a configuration, or that nothing is."""
    from ..api_note import api_notes
    from ..heartbeat_budget import heartbeat_notes
    from ..load_config import check_config
    from ..outage_note import outage_notes
    from ..secret_files import open_secrets
    from ..seed_note import seed_notes
    from ..start_checks import start_problems

    try:
        loaded = check_config(_one_of(file, config), os.environ, start_problems)
    except ConfigProblems as bad:
        if as_json:
            found = {"ok": False, "problems": bad.problems, "lines": bad.lines}
            print(json.dumps(found))
            raise typer.Exit(exit_codes.CONFIG) from None
        raise typer.Exit(exit_codes.tell(bad, exit_codes.CONFIG)) from None
    warnings = open_secrets(loaded.config, os.environ, loaded.places.file)
    about = (api_notes, outage_notes, heartbeat_notes, seed_notes)
    notes = [*loaded.notes, *(note for one in about for note in one(loaded.config))]
    if as_json:
        known = {"warnings": warnings, "notes": notes, "origin": loaded.origin}
        print(json.dumps({"ok": True, "problems": [], **known}))
        return
    for line in warnings:
        print(f"guestd: warning: {line}", file=sys.stderr)
    for line in notes:
        print(f"guestd: note: {line}", file=sys.stderr)
    print(f"the configuration is good ({loaded.origin})")


@app.command(epilog="Example:\n\nguestd config show guestd.toml --json")
def show(file: Named = None, config: File = None, as_json: AsJson = False) -> None:
    """The configuration in effect: defaults, file, environment. Secrets are masked, and of a
    receiver's URL its path and query, for they can be a key."""
    from ..load_config import find_config

    try:
        loaded = find_config(_one_of(file, config), os.environ)
    except ConfigProblems as problems:
        raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None
    data: dict[str, Any] = loaded.config.model_dump(mode="json")
    data["platform"]["proxy_url"] = _masked(data["platform"]["proxy_url"])
    for target in data["webhooks"]["targets"]:
        target["url"] = _origin(target["url"])
    if as_json:
        print(json.dumps(data, indent=2))
        return
    for line in (loaded.origin, *loaded.notes):
        sys.stdout.write(f"# {one_line(line)}\n")
    for section, values in data.items():
        sys.stdout.write(f"[{section}]\n")
        for key, value in values.items():
            sys.stdout.write(_line(f"{section}.{key}", key, value))
        sys.stdout.write("\n")


@app.command(epilog="Example:\n\nguestd config init guestd.toml --minimal")
def init(
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it; standard output if left out.")
    ] = None,
    minimal: Annotated[
        bool, typer.Option("--minimal", help="Only the keys that most change, commented out.")
    ] = False,
) -> None:
    """Write a configuration file with every key, its meaning and its default, and beside it the
    schema that lets an editor complete it."""
    from .. import reference
    from ..config_schema import FILE_NAME, schema_text

    text = reference.minimal() if minimal else reference.example()
    if path is None:
        sys.stdout.write(text)
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        path.with_name(FILE_NAME).write_text(schema_text(), encoding="utf-8")
    except FileExistsError:
        _refuse(path, "already exists; name a file that does not, or remove it")
    except OSError as error:
        _refuse(path, f"cannot be written: {error.strerror}; name another place")
    print(f"wrote {path}, and {FILE_NAME} beside it for editors")


@app.command(epilog="Example:\n\nguestd config schema > guestd.schema.json")
def schema() -> None:
    """The JSON Schema of the configuration file, for editors."""
    from ..config_schema import schema_text

    sys.stdout.write(schema_text())


@app.command("reference", epilog="Example:\n\nguestd config reference --json")
def show_reference(as_json: AsJson = False) -> None:
    """Describe every key: its type, bounds, default and meaning."""
    from .. import reference

    if as_json:
        print(json.dumps(reference.as_data(), indent=2))
    else:
        sys.stdout.write(reference.markdown())


def _one_of(file: Path | None, config: Path | None) -> Path | None:
    """Raises typer.BadParameter where both are given and are not the same."""
    if file is not None and config is not None and file != config:
        raise typer.BadParameter(
            f"{file} and -c {config} are two files; name one", param_hint="FILE"
        )
    return config if file is None else file


def _refuse(path: Path, problem: str) -> NoReturn:
    problems = ConfigProblems(ConfigPlaces(path), [problem])
    raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None


def _line(full: str, key: str, value: Any) -> str:
    """As TOML; a table comes last in its section."""
    if value is None:
        return f"# {key} is not set\n"
    if isinstance(value, dict):
        return f"[{full}]\n" + "".join(
            f"{json.dumps(one)} = {json.dumps(to)}\n" for one, to in value.items()
        )
    return f"{key} = {json.dumps(value)}\n"


def _masked(url: str | None) -> str | None:
    if url is None or "@" not in url:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2].partition('?')[0]}"


def _origin(url: str) -> str:
    from ...observe.redaction import bare_url

    bare = bare_url(url)
    return bare if url.rstrip("/") == bare else f"{bare}/***"
