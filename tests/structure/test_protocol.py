"""What the sources cite as "protocol §x.y" is a section of docs/protocol.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTIONS = set(
    re.findall(
        r"^#{2,3} (\d+(?:\.\d+)?)[. ]", (ROOT / "docs" / "protocol.md").read_text(), re.MULTILINE
    )
)
CITING = sorted(
    path
    for folder in ("daemon", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)


def cited(text: str) -> set[str]:
    """Every section that is named in a comment or docstring, over line ends and in lists of them;
    those of an RFC are another document's."""
    flat = re.sub(r"\s*\n\s*(?:#:? )?", " ", text)
    lists = re.findall(r"(RFC \d+ )?((?:§[\d.]*\d(?:, | to | and )?)+)", flat)
    return {one for rfc, listed in lists if not rfc for one in re.findall(r"§([\d.]*\d)", listed)}


def test_every_cited_section_exists():
    missing = {
        str(path.relative_to(ROOT)): gone
        for path in CITING
        if (gone := cited(path.read_text()) - SECTIONS)
    }
    assert missing == {}


def test_a_section_that_does_not_exist_would_be_found():
    assert cited("x (protocol\n    §99.1, §3.5) (§5) RFC 6455\n §5.2.") == {"99.1", "3.5", "5"}
    assert not {"99.1"} <= SECTIONS
    assert {"0.3", "2.11", "5", "11.1"} <= SECTIONS


def test_the_reference_that_the_repository_does_not_have_is_not_cited():
    old = re.compile(r"\breference\s+(?:#:? )?§")
    assert [str(path) for path in CITING if old.search(path.read_text())] == []
