"""The steps of a scenario: each with its key, what may stand there, and the step it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .kinds import (
    DurationValue,
    NumberValue,
    TextValue,
    ValueKind,
    WordValue,
    same,
)
from .patterns import PatternValue
from .reading import FileReading
from .sizes import SizeValue
from .spreads import SpreadValue
from .steps import (
    CONTENT_TYPES,
    AttachFile,
    Choose,
    DropConnection,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    ExpectReply,
    Repeat,
    SayStep,
    SetAttributes,
    Step,
    TalkAsPersona,
    Think,
    TypeFor,
)
from .tables import ByShape, FileKey, KeyTable, ListValue, NamedValues
from .yaml_tree import YamlNode

#: Far more than a person has; a loop without an end has none at all.
ROUNDS_MAX = 1_000_000
TURNS_MAX = 1_000

TEMPLATE = TextValue(template=True)
VALUES = NamedValues(
    TextValue("a value", loose=True, template=True, may_be_empty=True), "names with values"
)
WITHIN = FileKey(
    "within",
    DurationValue(above_zero=True),
    "How long it may take.",
    default="10s",
    field="within_s",
)
WITHIN_LONG = replace(WITHIN, default="60s")
#: What generated files are, where the file does not say.
GENERATED = {"filename": "file.txt", "content_type": "text/plain"}


@dataclass(slots=True, frozen=True)
class StepKey:
    """`fields`: the step's fields for what was read. `bare`: may stand without a value. `within`:
    may have `within` beside it."""

    name: str
    kind: ValueKind
    doc: str
    step: type[Step]
    fields: Callable[[Any], dict[str, Any]]
    example: str
    bare: bool = False
    within: bool = False


def _as(field: str) -> Callable[[Any], dict[str, Any]]:
    """A value by itself is this field; a mapping has the names of fields already."""

    def fields(value: Any) -> dict[str, Any]:
        return dict(value) if isinstance(value, Mapping) else {field: value}

    return fields


def _no_fields(_: Any) -> dict[str, Any]:
    return {}


def _expected(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    for name in found.get("capture", {}):
        reading.name_capture(node, f"{key}.capture.{name}", name)
    return found


def _chosen(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    if ("text" in found) == ("number" in found):
        reading.wrong(node, key, "must have one of text and number", "write one of them")
    return found


def _attached(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    if ("path" in found) == ("size_bytes" in found):
        reading.wrong(node, key, "must have one of path and size", "write one of them")
    return found if "path" in found else {**GENERATED, **found}


def _repeated(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    if not found.keys() & {"times", "for_s", "every_s"}:
        reading.wrong(node, key, "does not say how often", "add times, for or every")
    elif "every_s" not in found and _spins(found.get("times", ROUNDS_MAX), found["steps"]):
        remedy = "add `every: 1s`, or a step that waits"
        reading.wrong(node, key, "repeats without a pause", remedy)
    return found


def _spins(times: int, steps: Sequence[Step]) -> bool:
    return times > 1000 and bool(steps) and not any(takes_time(one) for one in steps)


def takes_time(step: Step) -> bool:
    """Whether a loop of this step alone would leave time for anything else."""
    match step:
        case Think() | TypeFor():
            return step.time.mean_s > 0 or step.time.high_s > 0
        case SayStep() | SetAttributes():
            return False
        case Repeat():
            return step.every_s > 0 or any(takes_time(one) for one in step.steps)
        case _:
            return True


def _persona(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    reading.personas.append((node, key))
    passed, failed = found.pop("pass", ("PASS",)), found.pop("fail", ("FAIL",))
    return {"goal": "", **found, "terms": (passed, failed)}


@dataclass(slots=True, frozen=True)
class _FileBeside:
    """The path of a file that is there, and small enough to be sent."""

    words: str = "the path of a file"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        path = TextValue(self.words).read(node, key, reading)
        if not isinstance(path, str):
            return path
        try:
            reading.files.size_of(path)
        except (OSError, ValueError) as bad:
            problem = f"cannot be read: {getattr(bad, 'strerror', None) or bad}"
            reading.wrong(node, key, problem, "paths begin at this file's directory")
        return reading.files.place_of(path)

    def schema(self) -> dict[str, Any]:
        return TextValue().schema()


_SAID = KeyTable(
    "a text with attributes",
    (
        FileKey("text", TEMPLATE, "What is said.", required=True),
        FileKey("attributes", VALUES, "Custom attributes of this message."),
    ),
)
_SENDERS = WordValue({"bot": "bot", "human": "human", "any": ""})
_STRUCTURES = same(*CONTENT_TYPES)
_CAPTURE = NamedValues(
    PatternValue(group=True),
    "names with regular expressions",
    TextValue("a name of letters, digits and _", pattern="[A-Za-z_][A-Za-z0-9_]*"),
    least=1,
)
_EXPECTED = KeyTable(
    "what a reply must have",
    (
        FileKey("containing", TEMPLATE, "A part of its text, in any case."),
        FileKey("matching", PatternValue(), "A regular expression that is found in its text."),
        FileKey("structure", _STRUCTURES, "What it offers beside its text."),
        FileKey("from", _SENDERS, "Who sends it.", default="any", field="sender"),
        FileKey("capture", _CAPTURE, "Names for parts of it: the first group of each."),
        WITHIN,
    ),
    _expected,
)
_CHOICE = KeyTable(
    "a choice",
    (
        FileKey("text", TEMPLATE, "Its text, in any case."),
        FileKey("number", NumberValue(low=1, high=1000, whole=True), "Its place, from 1."),
        WITHIN,
    ),
    _chosen,
)
_ATTACHED = KeyTable(
    "a file",
    (
        FileKey("path", _FileBeside(), "The file, from this file's directory."),
        FileKey("size", SizeValue(), "So many generated bytes instead.", field="size_bytes"),
        FileKey("type", TextValue(), "Its content type.", field="content_type"),
        FileKey("name", TEMPLATE, "Its name for the agent.", field="filename"),
        FileKey("caption", TEMPLATE, "A text with it."),
        WITHIN_LONG,
    ),
    _attached,
)
_DROP = same("abort", "close")
_DROPPED = KeyTable(
    "how the connection is lost",
    (
        FileKey("how", _DROP, "With a closing handshake or without.", default="abort"),
        replace(WITHIN_LONG, doc="How long until it is back."),
    ),
)
_DISCONNECT = KeyTable("how long it may take", (WITHIN,))
_TERMS = ListValue(TextValue(), "a list of phrases", least=1)
PERSONA = KeyTable(
    "a persona",
    (
        FileKey("persona", TEMPLATE, "Who the guest is, and how they speak.", required=True),
        FileKey("goal", TEMPLATE, "What they want from the conversation. Without it the"
                " persona is all that the model is told."),
        FileKey("turns", NumberValue(low=1, high=TURNS_MAX, whole=True),
                "After so many messages the goal is not reached.", default="20",
                field="turns_max"),
        FileKey("replyWithin", DurationValue(above_zero=True), "How long a reply may take.",
                default="30s", field="reply_within_s"),
        FileKey("pass", _TERMS, "Phrases of the model: the goal is reached.", default="PASS"),
        FileKey("fail", _TERMS, "Phrases of the model: it cannot be reached.", default="FAIL"),
    ),
    _persona,
)  # fmt: skip


def repeat_table(steps: ValueKind) -> KeyTable:
    return KeyTable(
        "steps to repeat",
        (
            FileKey("times", NumberValue(low=1, high=ROUNDS_MAX, whole=True), "So many rounds."),
            FileKey("for", DurationValue(above_zero=True), "New rounds begin for so long.",
                    field="for_s"),
            FileKey("every", DurationValue(above_zero=True),
                    "A round begins so long after the one before was meant to.", field="every_s"),
            FileKey("steps", steps, "What is repeated.", required=True),
        ),
        _repeated,
    )  # fmt: skip


def step_keys(steps: ValueKind) -> tuple[StepKey, ...]:
    """Every step, in the order of the reference. `steps`: the kind of a list of them."""
    return (
        StepKey("say", ByShape("a text", text=TEMPLATE, mapping=_SAID),
                "Send a text, and go on at once.", SayStep, _as("text"),
                "say: Where is my parcel ${order}?"),
        StepKey("waitForReplyContaining", TEMPLATE,
                "Wait for a message with this text in it, in any case.",
                ExpectReply, _as("containing"), "waitForReplyContaining: on its way",
                within=True),
        StepKey("waitForReplyMatching", PatternValue(),
                "Wait for a message in which this regular expression is found.",
                ExpectReply, _as("matching"), "waitForReplyMatching: arrives (today|tomorrow)",
                within=True),
        StepKey("expect", ByShape("a text, or what a reply must have", text=TEMPLATE,
                                  mapping=_EXPECTED, empty=dict),
                "Wait for a message that has all that is given. Messages since the guest's last"
                " `say` or `choose` count, also those that came before this step.",
                ExpectReply, _as("containing"),
                "expect: {matching: 'number (\\d+)', from: bot, capture: {order: 'number (\\d+)'}}",
                bare=True, within=True),
        StepKey("type", SpreadValue(), "Show the agent that the guest types, for so long.",
                TypeFor, _as("time"), "type: 3s"),
        StepKey("think", SpreadValue(), "Do nothing for so long; drawn anew each time.",
                Think, _as("time"), "think: 2s..5s"),
        StepKey("idle", SpreadValue(), "The same, for long pauses.",
                Think, _as("time"), "idle: 30s"),
        StepKey("choose", ByShape("the text of a choice, or {number: 2}", text=TEMPLATE,
                                  mapping=_CHOICE),
                "Pick from what was offered last: a quick reply, a button of a card, an item of"
                " a list, a date. Waits for an offer if there is none. A form cannot be answered.",
                Choose, _as("text"), "choose: I'll pick it up", within=True),
        StepKey("attach", ByShape("the path of a file, or a mapping", text=_FileBeside(),
                                  mapping=_ATTACHED),
                "Send a file, and wait until it is confirmed.",
                AttachFile, _as("path"), "attach: {size: 200kB, type: image/png, name: p.png}",
                within=True),
        StepKey("attributes", VALUES, "Custom attributes for the messages from now on.",
                SetAttributes, lambda values: {"values": values}, "attributes: {order: '17'}"),
        StepKey("waitForJoin", _SENDERS, "Wait until someone of this kind speaks or joins.",
                ExpectJoin, _as("who"), "waitForJoin: human", within=True),
        StepKey("waitForDisconnect", ByShape("nothing, or {within: 30s}", mapping=_DISCONNECT,
                                             empty=dict),
                "Wait until the platform ends the conversation.",
                ExpectDisconnect, _as("within_s"), "waitForDisconnect", bare=True, within=True),
        StepKey("drop", ByShape("abort or close, or a mapping", text=_DROP, mapping=_DROPPED,
                                empty=dict),
                "Lose the connection, and wait until it is back.",
                DropConnection, _as("how"), "drop: abort", bare=True, within=True),
        StepKey("end", ByShape("nothing", empty=dict), "End the conversation. Every guest does it"
                " after its last step anyway.", EndConversation, _no_fields, "end", bare=True),
        StepKey("repeat", repeat_table(steps), "Do the steps over and over: so many times, for so"
                " long, or until the run ends.", Repeat, dict,
                "repeat: {times: 3, steps: [{say: hi}, {think: 1s}]}"),
        StepKey("persona", PERSONA, "Let a language model be the guest. Needs `ai`.",
                TalkAsPersona, dict, "persona: {persona: You are Ana., goal: A refund.}"),
    )  # fmt: skip
