"""Reading the configuration: a file, over it the environment, over that the command line. What is
wrong with it is said at once, with the place, the key, the problem and the remedy."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..runtime.files import NOT_REGULAR, open_regular
from .config import Config
from .config_checks import problems_of
from .config_credentials import with_credentials
from .config_environment import settings_of, unknown_variables, value_from_text
from .config_fallbacks import fallbacks
from .config_lines import key_lines
from .config_problems import ConfigPlaces, ConfigProblems
from .config_types import wrong_types
from .config_valid_part import ValidPart, valid_part
from .variables import CONFIG_VARIABLE

#: Read where neither -c nor GUESTD_CONFIG names another.
DEFAULT_FILE = Path("guestd.toml")

#: Beyond it an integer is not exact as a float; no count or size of ours comes near.
INTEGER_MAX = 2**53


@dataclass(slots=True, frozen=True)
class LoadedConfig:
    """`origin` says which file it is from, or that there is none; `notes` what else was taken from
    where; `was_found`: the file was not named on the command line."""

    config: Config
    origin: str
    notes: tuple[str, ...]
    was_found: bool
    places: ConfigPlaces


def find_config(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> LoadedConfig:
    """As `load_config`; without a path the file that GUESTD_CONFIG names, else ./guestd.toml if
    there is one."""
    file, origin = _file(path, environment)
    places = ConfigPlaces(file)
    config, notes = _loaded(places, environment, flags or {})
    was_found = path is None and file is not None
    return LoadedConfig(config, origin, tuple(notes), was_found, places)


def check_config(
    path: Path | None,
    environment: Mapping[str, str],
    further: Callable[[Config, Mapping[str, str]], list[str]],
) -> LoadedConfig:
    """As `find_config`; raises ConfigProblems with everything that is wrong, also what `further`
    says of the part that can be read."""
    file, origin = _file(path, environment)
    places = ConfigPlaces(file)
    part, notes = _valid_part(places, environment, {})
    if part.config is not None:
        part.add(further(part.config, environment))
    if part.problems or part.config is None:
        raise ConfigProblems(places, part.problems)
    was_found = path is None and file is not None
    return LoadedConfig(part.config, origin, tuple(notes), was_found, places)


def _file(path: Path | None, environment: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file, None without one, and what is said of where the configuration is from."""
    named = environment.get(CONFIG_VARIABLE, "").strip()
    if path is not None:
        return path, str(path)
    if named:
        return Path(named), f"{named}, from {CONFIG_VARIABLE}"
    if DEFAULT_FILE.exists():
        return DEFAULT_FILE, f"./{DEFAULT_FILE}"
    return None, f"the defaults and the environment: there is no ./{DEFAULT_FILE}"


def configured(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Config:
    """As `find_config`, for a command: a file that was found is said on standard error."""
    loaded = find_config(path, environment, flags)
    if loaded.was_found:
        print(f"guestd: the configuration is {loaded.origin}", file=sys.stderr)
    return loaded.config


def load_config(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Config:
    """The file, under the environment, under the flags (`{"simulator.port": 3001}`). Raises
    ConfigProblems."""
    return _loaded(ConfigPlaces(path), environment, flags or {})[0]


def _loaded(
    places: ConfigPlaces, environment: Mapping[str, str], flags: Mapping[str, Any]
) -> tuple[Config, list[str]]:
    part, notes = _valid_part(places, environment, flags)
    if part.problems or part.config is None:
        raise ConfigProblems(places, part.problems)
    return part.config, notes


def _valid_part(
    places: ConfigPlaces, environment: Mapping[str, str], flags: Mapping[str, Any]
) -> tuple[ValidPart, list[str]]:
    """And what is to be said of where keys were taken from."""
    data = _read(places.file, places) if places.file is not None else {}
    problems = unknown_variables(environment)
    places.names |= {problem.partition(": ")[0]: "environment" for problem in problems}
    from_environment, unread = _from_environment(places, environment)
    for key, value in [*from_environment, *flags.items()]:
        section, _, name = key.partition(".")
        table = data.setdefault(section, {})
        if isinstance(table, dict):  # if not, that is said below
            table[name] = value
    places.names |= dict.fromkeys(flags, "command line")
    notes = _fall_back(data, places, environment)
    part = valid_part(data, wrong_types(data, {key for key, _ in from_environment}))
    told = {one.partition(": ")[0] for one in part.problems}
    beyond = [
        f"{key}: is beyond {INTEGER_MAX}; write a smaller number"
        for key in _beyond(data)
        if key not in told
    ]
    part.problems[:0] = [*problems, *unread, *beyond]
    part.doubtful.update(one.partition(": ")[0] for one in [*unread, *beyond])
    if part.config is not None:
        part.config, unreadable = with_credentials(part.config, environment)
        part.add([*unreadable, *problems_of(part.config, environment)])
    return part, notes


def _fall_back(
    data: dict[str, Any], places: ConfigPlaces, environment: Mapping[str, str]
) -> list[str]:
    """Into `data`; what is to be said of it."""
    platform = data.get("platform", {})
    if not isinstance(platform, dict):
        return []
    found, notes = fallbacks(platform, environment)
    for key, (variable, value) in found.items():
        data.setdefault("platform", {})[key] = value
        places.names[f"platform.{key}"] = variable
    return notes


def _read(path: Path, places: ConfigPlaces) -> dict[str, Any]:
    try:
        with open(open_regular(path), "rb") as file:
            text = file.read().decode("utf-8-sig")
    except FileNotFoundError:
        problem = "there is no such file; `guestd config init FILE` writes one to begin with"
        raise _unreadable(path, problem) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = reason if reason == NOT_REGULAR else f"cannot be read: {reason}"
        raise _unreadable(path, problem) from None
    places.text = text
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _unreadable(path, "is not TOML: it is nested too deep") from None
    except ValueError as error:  # ValueError alone: an integer of thousands of digits
        raise _not_toml(path, text, error) from None


def _unreadable(path: Path, problem: str, line: int | None = None) -> ConfigProblems:
    return ConfigProblems(ConfigPlaces(path, line), [problem])


def _not_toml(path: Path, text: str, error: ValueError) -> ConfigProblems:
    """A key that is there twice is named with both lines; all else as the reader has it."""
    for one in key_lines(text).repeated:
        name = ".".join(map(str, one.path))
        problem = f"{name}: is there twice, on line {one.first_line} as well; leave one of them out"
        return _unreadable(path, problem, one.line)
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
    if found is None:
        return _unreadable(path, f"is not TOML: {str(error)[:200]}")
    words = str(error)[: found.start()]
    line = int(found[1]) if found[1] else max(1, len(text.splitlines()))
    column = f" in column {found[2]}" if found[2] else ""
    return _unreadable(path, f"is not TOML{column}: {words[:1].lower()}{words[1:]}", line)


def _from_environment(
    places: ConfigPlaces, environment: Mapping[str, str]
) -> tuple[list[tuple[str, Any]], list[str]]:
    """GUESTD_SIMULATOR__PORT=3001 is simulator.port. And what is wrong with them."""
    found: list[tuple[str, Any]] = []
    problems: list[str] = []
    for variable, section, key in settings_of(environment):
        places.names[f"{section}.{key}"] = variable
        try:
            found.append((f"{section}.{key}", value_from_text(section, key, environment[variable])))
        except (ValueError, RecursionError) as error:
            problems.append(f"{section}.{key}: {error}")
    return found, problems


def _beyond(data: Any, path: str = "") -> Iterator[str]:
    """The keys whose integer is beyond INTEGER_MAX."""
    if isinstance(data, int) and abs(data) > INTEGER_MAX:
        yield path
    parts: Any = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in parts:
        yield from _beyond(value, f"{path}.{key}" if path else str(key))
