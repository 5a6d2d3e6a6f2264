#!/usr/bin/env python3
"""The documents as a site: `make docs` builds it, `make docs-serve` shows it while one writes.

The Markdown in the repository stays the source, and is readable there as it is. The site has all of
docs/ and some files of the repository's root; so that links lead to the same pages on both, they
are rewritten in a copy (build/docs), and Zensical builds the copy. It is strict: a page or a
heading that a link names and that does not exist fails the build. A link to a file that is in the
repository but not on the site becomes its text."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

#: Files of the repository's root that are on the site too, and what they are called there.
FROM_ROOT = {
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "index.md",
    "config.example.toml": "config.example.toml",
}
#: Of docs/, what the site shows or offers.
SUFFIXES = {".md", ".json", ".png", ".svg"}

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def sources() -> Iterator[tuple[Path, Path]]:
    """Each file of the site, and its place there."""
    for name, place in FROM_ROOT.items():
        if not (DOCS / place).exists():
            yield ROOT / name, Path(place)
    for path in sorted(DOCS.rglob("*")):
        if path.suffix in SUFFIXES:
            yield path, path.relative_to(DOCS)


def assemble(to: Path) -> None:
    """Write what has changed, with the links of the site."""
    shutil.copyfile(DOCS / "zensical.toml", to / "zensical.toml")
    for path, place in sources():
        target = to / "docs" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        if path.suffix == ".md":
            content = with_site_links(content.decode(), path, place).encode()
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)


def with_site_links(text: str, path: Path, place: Path) -> str:
    """The text with its links as they are on the site, but for those in blocks of code."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        one if one.startswith("```") else _LINK.sub(lambda m: _link(m, path, place), one)
        for one in parts
    )


def _link(found: re.Match[str], path: Path, place: Path) -> str:
    target, hash_, anchor = found[3].partition("#")
    if "://" in target or not target:
        return found[0]
    meant = Path(os.path.normpath(path.parent / target))
    if not meant.exists():
        raise SystemExit(f"{path.relative_to(ROOT)}: there is no {target}")
    name = str(meant.relative_to(ROOT))
    if name in FROM_ROOT:
        there = Path(FROM_ROOT[name])
    elif meant.is_relative_to(DOCS) and meant.suffix in SUFFIXES:
        there = meant.relative_to(DOCS)
    else:
        return found[2]
    return f"{found[1]}[{found[2]}]({os.path.relpath(there, place.parent)}{hash_}{anchor})"


def zensical(command: str, at: Path, *options: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "zensical", command, "-f", str(at / "zensical.toml")]
    return subprocess.Popen([*arguments, *options], cwd=at)


def build(at: Path) -> int:
    """Exit code. The site is in `at`/site."""
    shutil.rmtree(at, ignore_errors=True)
    at.mkdir(parents=True)
    assemble(at)
    code = zensical("build", at, "--strict").wait()
    if code == 0:
        print(f"the site is in {at / 'site'}")
    return code


def serve(at: Path, address: str) -> None:
    """Until Ctrl-C; a page that is changed in the repository is shown anew."""
    at.mkdir(parents=True, exist_ok=True)
    assemble(at)
    server = zensical("serve", at, "--dev-addr", address)
    try:
        while server.poll() is None:
            time.sleep(0.5)
            assemble(at)
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "docs")
    parser.add_argument("--serve", metavar="HOST:PORT", default="")
    given = parser.parse_args()
    if given.serve:
        serve(given.to.resolve(), given.serve)
        return 0
    return build(given.to.resolve())


if __name__ == "__main__":
    sys.exit(main())
