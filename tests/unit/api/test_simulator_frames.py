"""What a frontend may write into a frame that is passed on: nothing that could not be written out again."""

from __future__ import annotations

import json

import orjson
import pytest

from daemon.api.frames import parse
from daemon.model.errors import CommandError


def nested(levels):
    """An object so many levels deep, lists and objects by turns."""
    value = "the bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return {"data": value}


def context(data):
    return parse(json.dumps({"action": "context", "data": data, "command_id": "c1"}), lambda: "drawn").wish


def test_sim_1_a_context_of_64_levels_is_taken():
    data = nested(63)
    assert context(data).context == data


@pytest.mark.parametrize("levels", [64, 65, 253, 254, 300, 900])
def test_sim_1_a_context_nested_deeper_is_refused_with_its_field(levels):
    with pytest.raises(CommandError, match="nested deeper than 64 levels") as refused:
        context(nested(levels))
    assert (refused.value.field, refused.value.code) == ("data", "invalid")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"\\ud800": 1}', "surrogate"),
        ('{"a": [{"b": "\\udfff"}]}', "surrogate"),
        (f'{{"a": {10**30}}}', "64-bit"),
        (f'{{"a": [-{10**20}]}}', "64-bit"),
    ],
)
def test_sim_1_a_context_that_cannot_be_written_out_again_is_refused(text, what):
    with pytest.raises(CommandError, match=what) as refused:
        parse(f'{{"action": "context", "data": {text}}}', lambda: "drawn")
    assert refused.value.field == "data"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_sim_1_what_is_no_number_is_no_json(word):
    with pytest.raises(CommandError, match=f"{word} is no number") as refused:
        parse(f'{{"action": "context", "data": {{"a": [{word}]}}}}', lambda: "drawn")
    assert refused.value.code == "bad_json"


def test_sim_1_what_is_taken_can_be_written():
    data = {"a": [1, -(2**63), 2**64 - 1, 0.5, None, True, "😀", {"b": {}}], "c": []}
    assert orjson.loads(orjson.dumps(context(data).context)) == data
