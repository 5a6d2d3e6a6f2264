"""docs/reference/scenario-files.md: every key of a scenario file, from the tables that read it."""

from __future__ import annotations

from collections.abc import Iterator

from guestd.load.scenario import file_keys, scenario_values, tester_keys
from guestd.load.scenario.reading import STEPS_MAX
from guestd.load.scenario.scenario_values import CSV_BYTES_MAX, ROWS_MAX
from guestd.load.scenario.spreads import DISTRIBUTION
from guestd.load.scenario.step_values import STEP_KEYS
from guestd.load.scenario.tables import ByShape, FileKey, KeyTable
from guestd.load.scenario.templates import KNOWN_NAMES
from guestd.load.scenario.yaml_tree import DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX

from .writing import GENERATED, item, paragraph, table

INTRODUCTION = f"""\
# Scenario files

{GENERATED}
What virtual guests say and expect, in YAML. `guestd load init FILE` writes one with comments,
`guestd load check FILE...` says everything that is wrong with some, each problem with its line and
what to do. Editors complete the keys by
[guestd-scenario.schema.json](../guestd-scenario.schema.json) (`guestd load schema`): the first line
of a file names it, as in `# yaml-language-server: $schema=guestd-scenario.schema.json`. Examples
that run against the emulator: `examples/load/`.

```yaml
scenarios:
  Track a parcel:
    - say: Where is my parcel?
    - waitForReplyContaining: on its way
```

Files of the web messaging tester and of its successor, the Genesys Cloud chatbot tester, are read
as they are: [below](#files-of-the-tester).

## How values are written

- YAML is read by the core schema of version 1.2: `Yes`, `no` and `12:30` are texts; `true`, `12`
  and `null` are not, and need quotes where a text is meant. Anchors, aliases and `<<` work.
- Durations: seconds, or `250ms`, `30s`, `5m`, `1h30m`.
- Times that are drawn anew for each use: a duration, a range such as `2s..5s`, or a
  [distribution](#distributions).
- Regular expressions are Python's, searched in the message's text, with regard to case. Groups may
  be named as in JavaScript, `(?<name>…)`. A message is at most 4,096 bytes, and its search has no
  time limit: an expression that tries very many ways (`(a+)+$`) holds up all guests of its process.
- A file has at most {FILE_BYTES_MAX // 1024**2} MiB, {STEPS_MAX:,} steps, {DEPTH_MAX} levels, and {NODES_MAX:,} values
  with its aliases written out.

## Names in texts

`${{name}}` stands for a capture of an earlier step, a column of the scenario's data, or one of the
names below; a name that is none of them is refused. In a regular expression its value counts as it
is, not as an expression. A plain `${{` is written `$${{`.
"""
STEPS = """
## Steps

A step is one key with its value. Beside it may stand `name`, which is what reports call the step,
and for steps that wait `within`: without it they wait 10 seconds, for files and lost connections
60. Messages count that came since the guest's last `say` or `choose`, also before the step began;
each answers one step.
"""
TESTER = """
## Files of the tester

Scripted files have `config`, `scenarios`, `say`, `waitForReplyContaining` and
`waitForReplyMatching`, which mean the same here. AI files have `config.ai` and, in each scenario,
`setup`; they become a `persona` whose prompt is the file's. The model is asked in the OpenAI chat
format: of `chatgpt` at OpenAI with the key in `OPENAI_API_KEY`; of `google-gemini` at the Gemini
API with the key in `GEMINI_API_KEY`; of `google-vertex-ai` at the address of its project and
location with a token in `GOOGLE_ACCESS_TOKEN`, or without them as `google-gemini`. Phrases count
wherever they stand in the model's words, in any case, those of failure first.
"""


def page() -> str:
    parts = [INTRODUCTION]
    names = ((f"`${{{name}}}`", meaning) for name, meaning in KNOWN_NAMES.items())
    parts += table(("name", "stands for"), names)
    parts += _section("The file", file_keys.FILE)
    parts += _section("config", file_keys.CONFIG)
    parts += _section("A scenario", scenario_values.SCENARIO, _ABOUT_SCENARIOS)
    parts += _section("guest", scenario_values.GUEST)
    parts.append(STEPS)
    for row in STEP_KEYS.values():
        parts += [f"### {row.name}\n", paragraph(row.doc), "", f"```yaml\n- {row.example}\n```"]
        if tables := list(_tables(row.kind)):
            parts.append("")
            parts += [_key(one) for keys in tables for one in keys.keys]
        parts.append("")
    parts.pop()
    parts += _section("Distributions", DISTRIBUTION)
    parts += _section("load", file_keys.LOAD, _ABOUT_LOAD)
    parts += _section("thresholds", file_keys.THRESHOLD, _ABOUT_THRESHOLDS)
    parts += _section("rails", file_keys.RAILS)
    parts += _section("ai", file_keys.AI)
    parts.append(TESTER)
    parts += [_key(one) for one in (*tester_keys.SETUP.keys, *tester_keys.PROVIDER.keys)]
    return "\n".join(parts) + "\n"


_ABOUT_SCENARIOS = f"""\
A list of steps, or a mapping. A CSV file is in UTF-8 with the names of its columns in the first
line, of at most {ROWS_MAX:,} rows and {CSV_BYTES_MAX // 1024**2} MiB; paths begin at the directory of the scenario file.
"""
_ABOUT_LOAD = """\
How many guests, and when. A stage is `30s:100` or a mapping: the way to its number is a straight
line, from `users` or `arrivalRate` on where they are given beside the stages.
"""
_ABOUT_THRESHOLDS = """\
A list of expressions, such as `echo_latency.p99 < 500ms`, or of mappings.
"""


def _section(title: str, keys: KeyTable, about: str = "") -> Iterator[str]:
    yield f"\n## {title}\n"
    if about:
        yield about
    yield from (_key(one) for one in keys.keys)


def _key(key: FileKey) -> str:
    facts = ["a mapping" if isinstance(key.kind, KeyTable) else key.kind.words]
    facts += ["required"] if key.required else []
    facts += [f"default: {key.default}"] if key.default else []
    return item(key.name, facts, key.doc)


def _tables(kind: object) -> Iterator[KeyTable]:
    """Of the mappings that may stand there."""
    if isinstance(kind, KeyTable):
        yield kind
    elif isinstance(kind, ByShape) and isinstance(kind.mapping, KeyTable):
        yield kind.mapping
