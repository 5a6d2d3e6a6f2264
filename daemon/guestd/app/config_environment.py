"""The environment's part of the configuration: `GUESTD_SECTION__KEY`, and what is not that.

A variable that begins with `GUESTD_` and is no setting is refused: with one underscore too few,
`GUESTD_API_TOKEN=…` would be an API without a token. So the commands that talk to a daemon have a
prefix of their own, `GUESTDCTL_`. What Kubernetes sets in every container for a service named
guestd is passed over.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..model.settings import Duration
from .config_keys import all_keys, collection, is_section, metadata, sections, typed_keys
from .variables import CONFIG_VARIABLE, RENAMED

PREFIX = "GUESTD_"

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")

_OF_KUBERNETES = re.compile(
    r"GUESTD_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def settings_of(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(variable, section, key) of each that is written like a setting of a section."""
    for name in sorted(environment):
        section, separator, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and separator and section in sections():
            yield name, section, key


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A problem for each `GUESTD_…` that means nothing, with what was probably meant."""
    settings = {name for name, _, _ in settings_of(environment)}
    return [
        f"{name}: is not a setting; {_meant(name)}"
        for name in sorted(environment)
        if name.startswith(PREFIX)
        and name not in settings
        and name != CONFIG_VARIABLE
        and not _is_kubernetes(name, environment[name])
    ]


def value_from_text(section: str, key: str, text: str) -> Any:
    """Where the key is a list, a JSON array or parts between commas; where it is a table, a JSON
    object; a bare number where it is a time, as in the file; else the text. Raises ValueError
    without the text: it may be a secret."""
    section_class = sections().get(section)
    known = typed_keys(section_class) if section_class is not None else {}
    wanted, element = collection(known[key]) if key in known else (None, None)
    if wanted is dict:
        return _json_of(text, dict, 'must be a JSON object, such as {"key": "value"}')
    if wanted is not tuple:
        is_time = key in known and any(isinstance(one, Duration) for one in metadata(known[key]))
        return float(text) if is_time and _NUMBER.fullmatch(text.strip()) else text
    if is_section(element):
        return _json_of(text, list, "must be a JSON array of objects: [{…}]; or use the file")
    if text.lstrip().startswith("["):
        return _json_of(text, list, 'must be a JSON array: ["a", "b"], or a,b')
    return [part.strip() for part in text.split(",") if part.strip()]


def _meant(name: str) -> str:
    flat = {one.environment.replace("__", "_"): one.environment for one in all_keys()}
    if name in RENAMED:
        setting = f"did you mean {flat[name]}? " if name in flat else ""
        return f"{setting}The commands that talk to a daemon read {RENAMED[name]}"
    if name in flat:
        return f"did you mean {flat[name]}, with two underscores?"
    last = name.removeprefix(PREFIX).lower()
    same_key = [one.environment for one in all_keys() if one.name == last]
    if same_key:
        return f"did you mean {' or '.join(same_key[:3])}?"
    flat_name = name.replace("__", "_")
    close = difflib.get_close_matches(flat_name, [*flat, CONFIG_VARIABLE], n=1, cutoff=0.75)
    if close:
        return f"did you mean {flat.get(close[0], close[0])}?"
    return "`guestd config reference` lists them"


def _is_kubernetes(name: str, value: str) -> bool:
    """`GUESTD_PORT` as well, which is a URL there and never a number."""
    return bool(_OF_KUBERNETES.fullmatch(name)) or (name == "GUESTD_PORT" and "://" in value)


def _json_of(text: str, form: type, problem: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, form):
        raise ValueError(problem)
    return found
