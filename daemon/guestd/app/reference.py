"""`config.example.toml` and `docs/configuration.md`, written from the fields of the sections.

Both are generated, by `guestd config init` and `guestd config reference`; a test compares the files
in the repository with what comes out here.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from .config_keys import Key, all_keys, keys, sections
from .config_schema import FILE_NAME

WIDTH = 100

#: The example's chapters, each before the section that it names.
CHAPTERS = {
    "platform": "The platform, and what outlives the process",
    "limits": "Guest sessions",
    "simulator": "Who talks to guestd",
    "rest": "The platform's REST side",
    "webhooks": "Webhooks and the audit log",
    "drain": "The process itself",
}

#: Read by editors of TOML: `guestd config init FILE` puts the schema beside the file.
SCHEMA_LINE = f"#:schema ./{FILE_NAME}\n"

#: What a first file asks about: the platform, what outlives the process, who may talk to guestd.
MINIMAL = (
    "platform.region",
    "platform.deployment_id",
    "platform.emulator",
    "platform.client_id",
    "platform.client_secret",
    "journal.directory",
    "simulator.port",
    "simulator.origins_allowed",
    "api.token_file",
    "emulator.agent",
)

MINIMAL_PREAMBLE = """\
guestd: the keys to begin with, all commented out. As it stands, the embedded emulator stands in \
for the platform and nothing outlives the process.
`guestd config init` without --minimal writes every key, `guestd config check -c FILE` says what \
is wrong with a file."""

PREAMBLE = """\
guestd: every key, with its default. Keys without a default are commented out.
Durations are seconds, or words: 30s, 5m, 1h30m, 250ms. A key `a.b` may be overridden by the \
environment as GUESTD_A__B. There a list is a JSON array, or parts between commas; lists of tables \
and tables are JSON.
`guestd config check -c FILE` says what is wrong with a file, `guestd config show -c FILE` what is \
in effect."""

INTRODUCTION = """\
# Configuration

Every key of the configuration file, written by `guestd config reference` from the program itself.
`guestd config init FILE` writes a file with all of them to begin with (`--minimal`: the few that
most change), and beside it the schema by which editors complete keys and show what they mean
(`guestd config schema`; [guestd.schema.json](guestd.schema.json)). `guestd config check` says what
is wrong with a file, `guestd config show` what is in effect. The file is TOML; unknown keys are
refused.

The file is the one of `-c FILE`, else the one that `GUESTD_CONFIG` names, else `./guestd.toml` if
there is one, else none. Which it was is said at the start, and in the first line of
`guestd config show`.

A duration is a number of seconds (milliseconds where the name ends in `_ms`) or words: `30s`, `5m`,
`1h30m`, `250ms`. A key `a.b` may be overridden by the environment as `GUESTD_A__B`; there a list is
a JSON array or parts between commas, and lists of tables and tables are JSON.

## Variables

| variable | what it is |
| --- | --- |
| `GUESTD_SECTION__KEY` | a key of the configuration, with two underscores |
| `GUESTD_CONFIG` | the configuration file, where no `-c` names one |
| `GUESTDCTL_URL`, `GUESTDCTL_SOCKET` | the daemon for `guestd sessions`, `send` and the like |
| `GUESTDCTL_TOKEN` | that daemon's `api.token`, for the same commands |
| `GENESYS_REGION`, else `GENESYSCLOUD_REGION` | `platform.region`, beside a `deployment_id` alone |
| `GENESYSCLOUD_OAUTHCLIENT_ID` with `GENESYSCLOUD_OAUTHCLIENT_SECRET` | `platform.client_id` and \
`client_secret`, where a region is known and no client is configured |

Any other variable that begins with `GUESTD_` is refused: with one underscore too few,
`GUESTD_API_TOKEN` would otherwise be an API without a token. What Kubernetes sets for a service
named guestd (`GUESTD_SERVICE_HOST`, `GUESTD_PORT=tcp://…`) is passed over. What was taken from
another tool's variable is said at the start.
"""


def example() -> str:
    """`config.example.toml`."""
    parts = [SCHEMA_LINE + _comment(PREAMBLE)]
    for section in sections():
        if section in CHAPTERS:
            parts.append(f"# {'-' * 66} {CHAPTERS[section]}\n")
        parts.append(_section(section))
    return "\n".join(parts)


def minimal() -> str:
    """A file to begin with, which changes nothing until a key is uncommented."""
    parts = [SCHEMA_LINE + _comment(MINIMAL_PREAMBLE)]
    for section in sections():
        chosen = [key for key in keys(section) if f"{key.section}.{key.name}" in MINIMAL]
        if chosen:
            parts.append(f"[{section}]\n" + "".join(_commented_out(key) for key in chosen))
    return "\n".join(parts)


def _commented_out(key: Key) -> str:
    value = key.doc.example if key.default is None else key.default
    return f"{_comment(key.doc.text)}# {key.name} = {_toml(value)}\n"


def markdown() -> str:
    """`docs/configuration.md`."""
    parts = [INTRODUCTION]
    for section, cls in sections().items():
        parts.append(f"## `[{section}]`\n\n{_wrapped(_title(cls))}")
        parts.append("".join(_entry(key) for key in keys(section)))
    return "\n".join(parts)


def as_data() -> list[dict[str, Any]]:
    """For `guestd config reference --json`."""
    return [
        {
            "key": f"{key.section}.{key.name}",
            "environment": key.environment,
            "type": key.type,
            "bounds": key.bounds,
            "default": _plain(key.default),
            "doc": key.doc.text,
        }
        for key in all_keys()
    ]


def _section(section: str) -> str:
    """A table of the example; keys whose value is a table come last, as tables of their own."""
    plain, tables = [], []
    for key in keys(section):
        comment = _comment(key.doc.text)
        if isinstance(key.default, dict):
            tables.append(f"\n{comment}[{section}.{key.name}]\n")
        elif key.default is None:
            plain.append(_commented_out(key))
        else:
            plain.append(f"{comment}{key.name} = {_toml(key.default)}\n")
    return f"[{section}]\n" + "".join([*plain, *tables])


def _entry(key: Key) -> str:
    default = "none" if key.default is None else f"`{_toml(key.default)}`"
    facts = [key.type, *([key.bounds] if key.bounds else []), f"default {default}"]
    lines = list(_paragraphs(key.doc.text, WIDTH - 2))
    text = textwrap.fill(
        f"- **`{key.name}`** ({'; '.join(facts)})", WIDTH, subsequent_indent="  ", **_WHOLE_WORDS
    )
    body = "\n".join(f"  {line}".rstrip() for line in _fenced(lines))
    return f"{text}\n{body}\n"


def _fenced(lines: list[str]) -> Iterator[str]:
    """Lines that are shown as they are become a block of code."""
    is_open = False
    for line in lines:
        if line.startswith("  ") != is_open:
            yield from ["```"] if is_open else ["", "```toml"]
            is_open = not is_open
        yield line.removeprefix("  ") if is_open else line.replace("<", r"\<")
    if is_open:
        yield "```"


_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in _paragraphs(text, WIDTH - 2))


def _paragraphs(text: str, width: int) -> Iterator[str]:
    for line in text.split("\n"):
        yield from [line] if line.startswith("  ") else textwrap.wrap(line, width, **_WHOLE_WORDS)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, **_WHOLE_WORDS) + "\n"


def _title(section: type) -> str:
    return " ".join(cleandoc(section.__doc__ or "").split())


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
