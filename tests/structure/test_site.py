"""The documents build as a site in which every link leads somewhere and nothing comes from another
host; every page has its place in the navigation."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

needs_zensical = pytest.mark.skipif(
    find_spec("zensical") is None, reason="the extra `docs` is not installed"
)
#: What a browser loads by itself.
LOADED = re.compile(
    r"<(?:link|script|img|iframe|source|video)\b[^>]*?\b(?:href|src)=\"?(?:https?:)?//"
)


def build(to: Path, script: Path = DOCS / "build.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "--to", str(to)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@needs_zensical
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path):
    built = build(tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    for page in pages:
        text = page.read_text()
        assert LOADED.search(text) is None, page
        assert 'class="mermaid"' not in text, f"{page}: its script would come from another host"


@needs_zensical
@pytest.mark.parametrize("link", ["nowhere.md", "glossary.md#no-such-heading"])
def test_a_link_to_nowhere_fails_the_build(tmp_path, link):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("build.py", "zensical.toml"):
        (docs / name).write_text((DOCS / name).read_text())
    navigation = '[project]\nsite_name = "x"\nuse_directory_urls = false\n'
    (docs / "zensical.toml").write_text(navigation)
    for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.md"):
        (tmp_path / name).write_text("# Page\n")
    (tmp_path / "config.example.toml").write_text("")
    (docs / "glossary.md").write_text("# Glossary\n")
    (docs / "page.md").write_text("# Page\n\n[there](glossary.md#glossary)\n")
    assert build(tmp_path / "out", docs / "build.py").returncode == 0
    (docs / "page.md").write_text(f"# Page\n\n[there]({link})\n")
    assert build(tmp_path / "out", docs / "build.py").returncode != 0


def places(entries: list) -> list[str]:
    """The files that a navigation names, in order."""
    found = []
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            found += places(value) if isinstance(value, list) else [value]
    return found


def test_every_page_stands_once_in_the_navigation():
    named = places(tomllib.loads((DOCS / "zensical.toml").read_text())["project"]["nav"])
    from_root = {"architecture.md", "contributing.md", "changelog.md", "index.md"}
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} | from_root
    assert sorted(named) == sorted(there)
