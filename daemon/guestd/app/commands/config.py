"""`guestd config check | show`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ...model.errors import ConfigError
from ...observe.redaction import bare_url
from .. import exits
from ..config import Config
from ..heartbeat_budget import heartbeat_notes
from ..load_config import ConfigProblems, load_config
from ..secret_files import open_secrets

app = typer.Typer(
    help="Check the configuration, or show the one in effect.",
    no_args_is_help=True,
    add_completion=False,
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
            raise typer.Exit(exits.CONFIG) from None
        raise typer.Exit(exits.tell(problems, exits.CONFIG)) from None
    warnings, notes = open_secrets(found, os.environ), heartbeat_notes(found)
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
        raise typer.Exit(exits.tell(problems, exits.CONFIG)) from None
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


def _check_entrance(config: Config) -> None:
    """What the daemon would find wrong with its tokens when it starts."""
    from ...api.control.bearer_auth import check_exposure
    from ...api.tokens import check_simulator_exposure
    from ..wiring.doors import api_settings, control_settings

    try:
        check_exposure(config.simulator.host, control_settings(config))
        check_simulator_exposure(api_settings(config))
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
