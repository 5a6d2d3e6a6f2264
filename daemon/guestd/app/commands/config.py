"""`guestd config check | show | init | reference`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ...model.errors import ConfigError
from ...observe.redaction import bare_url
from .. import exit_codes, reference
from ..config import Config
from ..heartbeat_budget import heartbeat_notes
from ..load_config import ConfigProblems, load_config
from ..secret_files import open_secrets

app = typer.Typer(
    help="Check the configuration, show the one in effect, write a new one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

File = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@app.command(epilog="Example:\n\nguestd config check -c guestd.toml")
def check(config: File = None, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a configuration, or that nothing is."""
    try:
        found = load_config(config, os.environ)
        _check_entrance(found)
    except ConfigProblems as problems:
        if as_json:
            print(json.dumps({"ok": False, "problems": problems.problems}))
            raise typer.Exit(exit_codes.CONFIG) from None
        raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None
    warnings, notes = open_secrets(found, os.environ, config), heartbeat_notes(found)
    if as_json:
        print(json.dumps({"ok": True, "problems": [], "warnings": warnings, "notes": notes}))
        return
    for line in warnings:
        print(f"guestd: warning: {line}", file=sys.stderr)
    for line in notes:
        print(f"guestd: note: {line}", file=sys.stderr)
    print("the configuration is good")


@app.command(epilog="Example:\n\nguestd config show -c guestd.toml --json")
def show(config: File = None, as_json: AsJson = False) -> None:
    """The configuration in effect: defaults, file, environment. Secrets are masked, and of a
    receiver's URL its path and query, for they can be a key."""
    try:
        found = load_config(config, os.environ)
    except ConfigProblems as problems:
        raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None
    data: dict[str, Any] = found.model_dump(mode="json")
    data["platform"]["proxy_url"] = _masked(data["platform"]["proxy_url"])
    for target in data["webhooks"]["targets"]:
        target["url"] = _origin(target["url"])
    if as_json:
        print(json.dumps(data, indent=2))
        return
    for section, values in data.items():
        sys.stdout.write(f"[{section}]\n")
        for key, value in values.items():
            sys.stdout.write(_line(f"{section}.{key}", key, value))
        sys.stdout.write("\n")


@app.command(epilog="Example:\n\nguestd config init guestd.toml")
def init(
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it; standard output if left out.")
    ] = None,
) -> None:
    """Write a configuration file with every key, its meaning and its default."""
    if path is None:
        sys.stdout.write(reference.example())
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(reference.example())
    except FileExistsError:
        _refuse(path, "already exists; name a file that does not, or remove it")
    except OSError as error:
        _refuse(path, f"cannot be written: {error.strerror}; name another place")


@app.command("reference", epilog="Example:\n\nguestd config reference --json")
def show_reference(as_json: AsJson = False) -> None:
    """Describe every key: its type, bounds, default and meaning."""
    if as_json:
        print(json.dumps(reference.as_data(), indent=2))
    else:
        sys.stdout.write(reference.markdown())


def _refuse(path: Path, problem: str) -> NoReturn:
    problems = ConfigProblems(str(path), [problem])
    raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None


def _check_entrance(config: Config) -> None:
    """What the daemon would find wrong with its tokens when it starts."""
    from ...api.control.bearer_auth import check_exposure
    from ...api.tokens import check_simulator_exposure
    from ..wiring.api import api_settings, simulator_settings

    try:
        check_exposure(config.simulator.host, api_settings(config))
        check_simulator_exposure(simulator_settings(config))
    except ConfigError as error:
        raise ConfigProblems("configuration", [str(error)]) from None


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
    bare = bare_url(url)
    return bare if url.rstrip("/") == bare else f"{bare}/***"
