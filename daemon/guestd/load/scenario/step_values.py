"""One step of a file, read by its key; and a list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from .kinds import WRONG, Json, TextValue, refuse
from .labels import label_of
from .problems import nearest
from .reading import STEPS_MAX, FileReading
from .step_keys import WITHIN, StepKey, step_keys
from .steps import (
    Choose,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    ExpectReply,
    Step,
)
from .tables import described
from .yaml_tree import YamlList, YamlMap, YamlNode, YamlScalar

_NAME = TextValue("a name for reports", loose=True)


@dataclass(slots=True, frozen=True)
class StepValue:
    words: str = "a step such as `say: hi`"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        reading.steps += 1
        if reading.steps > STEPS_MAX:
            if reading.steps == STEPS_MAX + 1:
                remedy = "say it by `repeat` and `data`"
                reading.wrong(node, key, f"is step {STEPS_MAX + 1} of the file", remedy)
            return WRONG
        step = self._step(node, key, reading)
        reading.end_step()
        return step

    def _step(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if isinstance(node, YamlScalar) and node.kind == "text":
            return self._bare(node, key, reading)
        if not isinstance(node, YamlMap) or not node.entries:
            return refuse(self, node, key, reading, "write one key with its value")
        found = [STEP_KEYS[name.text] for name, _ in node.entries if name.text in STEP_KEYS]
        if len(found) != 1:
            return self._not_one(node, found, key, reading)
        return self._keyed(node, found[0], key, reading)

    def _bare(self, node: YamlScalar, key: str, reading: FileReading) -> Any:
        row = STEP_KEYS.get(node.text)
        if row is None:
            remedy = nearest(node.text.partition(":")[0], STEP_KEYS, "steps")
            reading.wrong(node, key, "is not a step", remedy)
            return WRONG
        if not row.bare:
            reading.wrong(node, key, f"{row.name} has no value", f"write {row.example}")
            return WRONG
        return self._made(row, {}, node, "", reading)

    def _not_one(self, node: YamlMap, found: list[StepKey], key: str, reading: FileReading) -> Any:
        if found:
            names = " and ".join(one.name for one in found)
            reading.wrong(node, key, f"is several steps: {names}", "begin each with a dash")
            return WRONG
        for name, _ in node.entries:
            if name.text not in _BESIDE:
                remedy = nearest(name.text, STEP_KEYS, "steps")
                reading.wrong(name, f"{key}.{name.text}", "is not a known step", remedy)
        if all(name.text in _BESIDE for name, _ in node.entries):
            reading.wrong(node, key, "has no step", f"steps: {', '.join(STEP_KEYS)}")
        return WRONG

    def _keyed(self, node: YamlMap, row: StepKey, key: str, reading: FileReading) -> Any:
        beside: dict[str, Any] = {}
        value: Any = WRONG
        label: Any = ""
        for name, below in node.entries:
            path = f"{key}.{name.text}"
            if name.text == row.name:
                value = row.kind.read(below, path, reading)
            elif name.text == "name":
                label = _NAME.read(below, path, reading)
            elif name.text == "within" and row.within:
                beside["within_s"] = WITHIN.kind.read(below, path, reading)
            else:
                known = [one for one in _BESIDE if one != "within" or row.within]
                reading.wrong(
                    name, path, f"is not a key beside {row.name}", nearest(name.text, known)
                )
        if value is WRONG or label is WRONG or WRONG in beside.values():
            return WRONG
        fields = row.fields(value)
        if beside and "within_s" in fields:
            reading.wrong(node, f"{key}.within", "stands twice", "remove one of them")
        return self._made(row, {**fields, **beside}, node, label, reading)

    def _made(
        self,
        row: StepKey,
        fields: Mapping[str, Any],
        node: YamlNode,
        label: str,
        reading: FileReading,
    ) -> Step:
        if row.step in _REPLY_STEPS and "within_s" not in fields:
            fields = {**fields, "within_s": reading.reply_within_s}
        step = cast(Any, row.step)(place=reading.place(node), label=label, **fields)
        return cast(Step, step if label else replace(step, label=label_of(step)))

    def schema(self) -> Json:
        return {"$ref": "#/definitions/step"}


@dataclass(slots=True, frozen=True)
class StepsValue:
    """A list of steps, one at least. None may follow one that ends the conversation."""

    words: str = "a list of steps"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlList):
            return refuse(self, node, key, reading, "begin each step with a dash")
        if not node.items:
            reading.wrong(node, key, "has no steps", "write one, or remove it")
        steps: list[Step] = []
        has_ended = False
        for number, item in enumerate(node.items):
            if reading.is_full:
                break
            below = f"{key}[{number}]"
            step = _STEP.read(item, below, reading)
            if has_ended:
                remedy = "remove it, or `end` before it"
                reading.wrong(item, below, "comes after the end of the conversation", remedy)
            if step is not WRONG:
                steps.append(step)
                has_ended = has_ended or isinstance(step, EndConversation)
        return tuple(steps)

    def schema(self) -> Json:
        return {"type": "array", "items": _STEP.schema(), "minItems": 1}


_BESIDE = ("name", "within")
#: Where the file does not say how long, the command line may.
_REPLY_STEPS = (ExpectReply, Choose, ExpectJoin, ExpectDisconnect)
_STEP = StepValue()
STEPS = StepsValue()
STEP_KEYS = {one.name: one for one in step_keys(STEPS)}


def step_schema() -> Json:
    """Of one step, under `definitions`."""
    bare = [one.name for one in STEP_KEYS.values() if one.bare]
    mappings = [_mapping_schema(one) for one in STEP_KEYS.values()]
    return {"anyOf": [{"enum": bare}, *mappings]}


def _mapping_schema(row: StepKey) -> Json:
    properties = {
        row.name: described(row.kind.schema(), row.doc),
        "name": described(_NAME.schema(), "What reports call the step."),
    }
    if row.within:
        properties["within"] = described(WITHIN.kind.schema(), WITHIN.doc)
    return {
        "type": "object",
        "properties": properties,
        "required": [row.name],
        "additionalProperties": False,
    }
