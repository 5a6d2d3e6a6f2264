"""The console's files as they stand: what others have written and under which licence, how large
all is, and that nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from guestd.console.page_files import page_files

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "daemon" / "guestd" / "console" / "page"
VENDOR = PAGE / "vendor"
LIBRARIES = tomllib.loads((VENDOR / "VENDORED.toml").read_text())["library"]

LOADED = (".html", ".js", ".mjs", ".css", ".svg")
ALL_MAX = 250_000

#: Names of XML's vocabularies; never fetched.
VOCABULARIES = re.compile(r"http://www\.w3\.org/(2000/svg|1998/Math/MathML|1999/xhtml)\b")
ADDRESS = re.compile(
    r"\b(?:https?|wss?|ftp)://[\w\[]"  # of another host
    r"|[\"'(=]\s*//[\w\[]"  # without a scheme
    r"|\b(?:src|href|action)\s*=\s*[\"']?/"  # absolute: a proxy's prefix would be lost
    r"|\burl\(\s*[\"']?/"
    r"|\b(?:from|import)\s*\(?\s*[\"'](?!\./|\.\./)"  # bare, or absolute
)


def addresses(text: str) -> list[str]:
    """Addresses of other hosts, absolute ones, and imports that are not relative."""
    return ADDRESS.findall(VOCABULARIES.sub("", text))


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one["file"])
def test_a_library_is_what_the_list_says(library):
    body = (VENDOR / library["file"]).read_bytes()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (library["bytes"], library["sha256"])
    name, version = re.fullmatch(r"npm:([\w@/-]+)@([\d.]+) \S+", library["source"]).groups()
    assert name == library["name"].split("/")[0].lower() and version == library["version"]
    assert library["license"] in ("MIT", "Apache-2.0")
    licence = (VENDOR / library["license_file"]).read_text()
    assert {"MIT": "MIT License", "Apache-2.0": "Apache License"}[library["license"]] in licence


@pytest.mark.parametrize("library", [one for one in LIBRARIES if "edit" in one])
def test_an_edit_is_all_that_was_changed(library):
    before, after = (text.encode() for text in library["edit"])
    body = (VENDOR / library["file"]).read_bytes()
    assert body.count(after) == 1
    original = body.replace(after, before)
    found = len(original), hashlib.sha256(original).hexdigest()
    assert found == (library["original_bytes"], library["original_sha256"])


def test_the_list_is_complete():
    listed = {one["file"] for one in LIBRARIES} | {one["license_file"] for one in LIBRARIES}
    there = {path.name for path in VENDOR.iterdir() if not path.name.endswith(".d.mts")}
    assert there - listed == {"VENDORED.toml"}


def test_an_installed_wheel_has_all_of_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    package = PAGE.parents[1]
    patterns = project["tool"]["setuptools"]["package-data"]["guestd"]
    taken = {path for pattern in patterns for path in package.glob(pattern)}
    assert {path for path in PAGE.rglob("*") if path.is_file()} <= taken


def test_the_page_is_small():
    sizes = {name: len(file.body) for name, file in page_files().items() if name.endswith(LOADED)}
    assert sum(sizes.values()) <= ALL_MAX, sizes


@pytest.mark.parametrize("name", [name for name in page_files() if name.endswith(LOADED)])
def test_nothing_is_loaded_from_elsewhere(name):
    text = page_files()[name].body.decode()
    assert addresses(text) == []


def test_an_address_would_be_found():
    for bad in (
        '<script src="https://cdn.example.org/x.js">',
        '<link href="/console/main.css">',
        "import { h } from 'preact'",
        'import("/console/x.js")',
        "background: url(/x.png)",
        'fetch("//evil.example.org")',
    ):
        assert addresses(bad), bad
    for good in (
        '<script type="module" src="console/main.js">',
        'import { h } from "./vendor/preact.mjs"',
        'createElementNS("http://www.w3.org/2000/svg", "svg")',
        "const half = a / b // of it",
    ):
        assert not addresses(good), good


def test_the_page_has_no_script_and_no_style_of_its_own():
    index = (PAGE / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", index) == []
    assert "<style" not in index and not re.search(r"\s(?:on\w+|style)\s*=", index)


def test_every_module_that_the_page_begins_with_is_preloaded():
    index = (PAGE / "index.html").read_text()
    preloaded = set(re.findall(r'rel="modulepreload" href="console/([^"]+)"', index))
    assert preloaded == imported("main.js") - {"main.js"}


def imported(name: str) -> set[str]:
    """The modules that this one needs before it runs, itself included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        text = page_files()[module].body.decode()
        here = (PAGE / module).parent
        for target in re.findall(r"(?:\bfrom|^import)\s*[\"'](\.[^\"']+)[\"']", text, re.MULTILINE):
            waiting.append((here / target).resolve().relative_to(PAGE.resolve()).as_posix())
    return found


OPERATOR = r" (?:=>|[=!]==|&&|\|\||\?\?) "
OWN = [name for name in page_files() if name.endswith(".js") and not name.startswith("vendor/")]


def test_a_module_is_served_without_comments_and_indentation_and_on_the_same_lines():
    for name in OWN:
        written, served = (PAGE / name).read_text(), page_files()[name].body.decode()
        assert written.count("\n") == served.count("\n"), name
        assert not re.search(r"/\*\*| // |^//", served, re.MULTILINE), name
        assert not re.search(r"^[ \t]", served, re.MULTILINE), name
        assert not re.search(OPERATOR, served), name


def test_no_text_of_a_module_has_what_is_taken_away():
    """Around operators: in a text the spaces would be missing on the screen."""
    for name in OWN:
        for text in re.findall(r"'[^'\n]*'|\"[^\"\n]*\"", (PAGE / name).read_text()):
            assert not re.search(OPERATOR, text), f"{name}: {text}"


def test_the_style_sheet_is_served_without_spaces_and_says_the_same():
    written, served = (PAGE / "main.css").read_text(), page_files()["main.css"].body.decode()
    assert written.count("\n") == served.count("\n")
    assert "/*" not in served and not re.search(r"^ | [{};]|[{};,] ", served, re.MULTILINE)

    def words(text: str) -> list[str]:
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        return re.findall(r"[^\s{};:,]+|[{}:,]|;(?!\s*})", text)

    assert words(written) == words(served)
    assert ".pane + .pane{" in served  # a space that means something stays
    assert ".talk > :first-child{" in served


def test_a_module_does_one_thing():
    long = {name: len((PAGE / name).read_text().splitlines()) for name in OWN}
    assert {
        name: lines for name, lines in long.items() if lines > 300 and name != "client.js"
    } == {}
