"""The JavaScript client by itself: its own tests in Node, and what would be published."""

from __future__ import annotations

import json
import re

from guestd import __version__

from ..node import ROOT, needs_node, needs_npm, node, npm, pass_tests

CLIENT = ROOT / "clients" / "js"
PACKAGE = json.loads((CLIENT / "package.json").read_text())
BYTES_MAX = 30_000


@needs_node
def test_its_own_tests_pass():
    pass_tests(*sorted((CLIENT / "test").glob("*.test.mjs")))


@needs_node
def test_what_is_declared_is_there():
    """The type checker does not compare a module with the declarations beside it."""
    script = (
        "import * as client from './clients/js/guestd.js';"
        "const names = Object.getOwnPropertyNames(client.GuestSession.prototype);"
        "console.log(JSON.stringify([Object.keys(client), names]))"
    )
    exported, members = json.loads(node("--input-type=module", "-e", script))
    declared = (CLIENT / "guestd.d.ts").read_text()
    said = re.findall(r"^export (?:class|function|const) (\w+)", declared, re.MULTILINE)
    assert sorted(exported) == sorted(said)
    body = declared.split("export class GuestSession {")[1].split("\n}")[0]
    fields = {"guest", "session", "seq", "state", "connection"}
    named = set(re.findall(r"^  (?:readonly )?(\w+)(?:<[^>]+>)?[(:]", body, re.MULTILINE))
    assert named - fields == set(members)


@needs_npm
def test_what_would_be_published():
    [packed] = json.loads(npm("pack", "--dry-run", "--json", folder=CLIENT))
    files = {one["path"] for one in packed["files"]}
    assert files == {"guestd.js", "guestd.d.ts", "package.json", "README.md", "LICENSE"}
    assert (packed["name"], packed["version"]) == ("guestd-client", PACKAGE["version"])


def test_it_depends_on_nothing_and_is_of_guestds_version():
    assert not {"dependencies", "devDependencies", "peerDependencies"} & set(PACKAGE)
    assert (PACKAGE["version"], PACKAGE["license"]) == (__version__, "Apache-2.0")
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    text = (CLIENT / "guestd.js").read_text()
    assert re.findall(r"^\s*import\b|\bimport\(\s*[^\"]|\brequire\(", text, re.MULTILINE) == []
    assert len(text) <= BYTES_MAX
