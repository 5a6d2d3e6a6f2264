"""What a guest says is printed whatever standard output can encode: escaped, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TEXT = "ünï 😀 \ud800"
PRINTS = f"""
import sys
from guestd.app.cli import prepare_output
prepare_output()
print({TEXT!r}, flush=True)
print({TEXT!r}, file=sys.stderr)
"""


def run(arguments: list[str], encoding: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, timeout=60
    )


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", b"\\xfcn\\xef \\U0001f600 \\ud800\n"),
        ("latin-1", b"\xfcn\xef \\U0001f600 \\ud800\n"),
        ("utf-8", "ünï 😀 ".encode() + b"\\ud800\n"),
    ],
    ids=["ascii", "latin-1", "utf-8"],
)
def test_what_an_encoding_lacks_is_escaped(encoding, printed):
    done = run(["-c", PRINTS], encoding)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, printed)
