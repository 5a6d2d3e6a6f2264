"""The examples in Node.js and Python, and the suite of a test author, as their readers run them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import clean_environment
from tests.documents.test_documents import has_node

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.timeout(600)


def outcome(command: list[str], cwd: Path, **environment: str) -> tuple[int, list[str]]:
    """Exit code, and what was printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=540.0,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.skipif(not has_node(), reason="needs Node.js 20.10 or later")
@pytest.mark.parametrize("token", ["", "a-token-of-at-least-32-characters-x"])
def test_a_guest_in_node_talks_and_reads_until_the_end(run, tmp_path, token):
    more = {"GUESTD_API__TOKEN": token} if token else {}
    daemon = run("serve", "--port", "0", env=more).url()
    program = shutil.which("node") or ""
    command = [program, str(EXAMPLES / "node" / "talk.mjs"), "my parcel", "thank you"]
    code, lines = outcome(command, tmp_path, GUESTDCTL_URL=daemon, GUESTDCTL_TOKEN=token)
    assert code == 0
    assert lines[0] == "me: my parcel" and "me: thank you" in lines
    assert lines[-1] == "Leo: You are welcome!"


def test_a_customer_in_python_chooses_and_says_goodbye(run, tmp_path):
    daemon = run("serve", "--port", "0").url()
    program = str(EXAMPLES / "python_bot" / "customer.py")
    code, lines = outcome([sys.executable, program, f"ws{daemon[4:]}"], tmp_path)
    own = [line for line in lines if line.startswith("customer: ")]
    assert (code, own) == (
        0,
        ["customer: Where is my parcel?", "customer: Track it", "customer: Thank you, bye"],
    )
    assert lines[-1] == "Leo: You are welcome!"


def test_the_suite_of_a_test_author_passes(tmp_path):
    for path in (EXAMPLES / "pytest").glob("*.*"):
        shutil.copy(path, tmp_path)
    plugins = ["-p", "no:cacheprovider", "-p", "no:asyncio"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "."]
    code, lines = outcome(command, tmp_path)
    assert code == 0, "\n".join(lines)
    assert "4 passed" in lines[-1]
