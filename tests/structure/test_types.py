"""Declarations in TypeScript that follow from the Python models, and the console's copy of the
client."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator():
    loader = SourceFileLoader("guestd_types", str(ROOT / ".ci" / "types"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_the_declarations_are_those_of_the_models(generator):
    for path, text in generator.written().items():
        assert path.read_text() == text, f"{path.relative_to(ROOT)} is old; run `make types`"


def test_a_form_without_a_type_would_be_found(generator):
    with pytest.raises(TypeError):
        generator.of_python(complex)
    assert generator.of_python(str | None) == "string | null"
    assert generator.of_schema({"type": "array", "items": {"enum": ["a", "b"]}}) == "('a' | 'b')[]"
