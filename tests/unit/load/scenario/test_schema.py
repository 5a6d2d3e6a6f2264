"""The JSON Schema says of a file what its reader says."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest

from guestd.load.scenario.example import example_text
from guestd.load.scenario.reading import FileReading
from guestd.load.scenario.schema import scenario_schema
from guestd.load.scenario.tables import AnyValue
from guestd.load.scenario.yaml_tree import yaml_tree
from tests.unit.load.scenario.reading_helpers import FilesInMemory, problems

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "load").rglob("*.yml"))
VALIDATOR = jsonschema_rs.validator_for(scenario_schema())


def as_json(text):
    node, _ = yaml_tree(text.encode(), "f.yml")
    return AnyValue().read(node, "", FileReading("f.yml", FilesInMemory()))


@pytest.mark.parametrize(
    "text",
    [*(path.read_text() for path in EXAMPLES), example_text(), "scenarios: {A: [end, drop]}"],
)
def test_good_files_fit_the_schema(text):
    assert [str(one) for one in VALIDATOR.iter_errors(as_json(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        "scenarios: {}",
        "scenarios: {A: [sya: hi]}",
        "scenarios: {A: [say: 12]}",
        "scenarios: {A: [{say: a, drop: b}]}",
        "scenarios: {A: [{say: a, within: 3s}]}",
        "scenarios: {A: [think: soon]}",
        "scenarios: {A: [think: {normal: 1s, mean: 2s}]}",
        "scenarios: {A: [repeat: {times: 0, steps: [end]}]}",
        "scenarios: {A: [repeat: {times: 1, steps: []}]}",
        "scenarios: {A: [waitForJoin: robot]}",
        "scenarios: {A: {weight: 0, steps: []}}",
        "scenarios: {A: {weight: 1}}",
        "{scenarios: {A: []}, load: {users: 0}}",
        "{scenarios: {A: []}, load: {stages: [now]}}",
        "{scenarios: {A: []}, thresholds: [lost]}",
        "{scenarios: {A: []}, rails: {throttledShare: 5}}",
        "{scenarios: {A: []}, loda: {}}",
    ],
)
def test_what_the_reader_refuses_by_a_key_or_its_shape_the_schema_refuses(text):
    assert problems(text)
    assert not VALIDATOR.is_valid(as_json(text))
