"""Write a mutant's patch. The source itself is not changed.

python -m tests.mutants.new AUTH-2 each-caller-fetches "each caller fetches a token of its own" \\
    daemon/guestd/platform/oauth.py --find "if self._fetching is None:" --replace "if True:"

`--find` must occur once in the file. `--tests` where the mutant is not for the tests that
docs/contracts.md names. """

from __future__ import annotations

import argparse
import difflib
import sys

from .patches import HERE, ROOT, read


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    before = (ROOT / options.file).read_text()
    if before.count(options.find) != 1:
        print(
            f"--find occurs {before.count(options.find)} times in {options.file}; it must once",
            file=sys.stderr,
        )
        return 2
    after = before.replace(options.find, options.replace)
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/{options.file}",
        f"b/{options.file}",
        n=1,
    )
    tests = "".join(f"Tests: {one}\n" for one in options.tests)
    path = HERE / f"{options.row}-{options.name}.patch"
    path.write_text(f"Row: {options.row}\nChange: {options.change}\n{tests}\n{''.join(lines)}")
    print(path.relative_to(ROOT), " ".join(read(path).node_ids()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants.new", description="Write a mutant's patch."
    )
    parser.add_argument("row", help="the contract's id")
    parser.add_argument("name", help="for the file's name: words-with-dashes")
    parser.add_argument("change", help="what is different, in a few words")
    parser.add_argument("file", help="from the root of the project")
    parser.add_argument("--find", required=True)
    parser.add_argument("--replace", required=True)
    parser.add_argument("--tests", nargs="*", default=[], help="node ids for pytest")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
