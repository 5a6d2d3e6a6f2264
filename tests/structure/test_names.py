"""One word, one meaning: the glossary is short, and a public class name is defined once."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS_MAX = 45


def class_names(sources: Iterable[str]) -> Counter[str]:
    return Counter(
        node.name
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )


def words() -> list[str]:
    page = (ROOT / "docs" / "glossary.md").read_text()
    entries = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)
    return [entry for entry in entries if entry not in ("word", "---")]


def test_a_public_class_name_is_defined_once():
    sources = (path.read_text() for path in sorted((ROOT / "daemon" / "guestd").rglob("*.py")))
    assert {name for name, times in class_names(sources).items() if times > 1} == set()


def test_a_class_defined_twice_would_be_found():
    names = class_names(["class A: ...\nclass _B: ...", "def f():\n class A: ...\nclass _B: ..."])
    assert names == {"A": 2}


def test_the_glossary_is_short_and_says_each_word_once():
    assert 30 <= len(words()) <= WORDS_MAX
    each = [word for entry in words() for word in entry.split(", ")]
    assert [word for word, times in Counter(each).items() if times > 1] == []
