"""What users read names no contracts: their ids are for docs/contracts.md and for comments."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from guestd.observe.exposition import exposition
from guestd.observe.metrics import Metrics
from tests.structure.reference import cli

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "daemon" / "guestd"
GROUPS = set(
    re.findall(r"^\| ([A-Z]+)-\d", (ROOT / "docs" / "contracts.md").read_text(), re.MULTILINE)
)
CONTRACT = re.compile(rf"\b(?:{'|'.join(sorted(GROUPS))})-\d")


def literals(path: Path) -> list[str]:
    """The strings of a module that are not docstrings, but for those of settings sections, which
    the reference shows."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and not (isinstance(node, ast.ClassDef) and path.name == "settings.py")
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_no_string_of_the_product_names_a_contract():
    assert "SOCK" in GROUPS and "SESS" in GROUPS
    found = [
        f"{path.relative_to(PACKAGE)}: {text[:80]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in literals(path)
        if CONTRACT.search(text)
    ]
    assert found == []


def test_no_help_of_a_metric_and_no_generated_page_names_a_contract():
    pages = [ROOT / "config.example.toml", ROOT / "docs" / "configuration.md"]
    for text in (exposition(Metrics()).decode(), *(page.read_text() for page in pages)):
        assert CONTRACT.search(text) is None


#: docs/contracts.md is the list of them; the two pages for contributors say how tests are named.
FOR_CONTRIBUTORS = {"contracts.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
READ_BY_USERS = [
    path
    for pattern in (
        "*.md",
        "*.toml",
        "docs/**/*.md",
        "docs/**/*.json",
        "examples/**/*",
        "systemd/*",
        "clients/**/*",
        "daemon/guestd/console/page/*.*",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.is_file() and path.name not in FOR_CONTRIBUTORS and "__pycache__" not in path.parts
]


@pytest.mark.parametrize("path", READ_BY_USERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_file_or_description_for_users_names_a_contract(path):
    assert CONTRACT.findall(path.read_text()) == []


def test_no_help_of_a_command_names_a_contract():
    assert CONTRACT.findall(cli.page()) == []
    assert len(READ_BY_USERS) > 30
