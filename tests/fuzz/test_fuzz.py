"""Every fuzz target with all that its corpus holds, and with a few inputs that hypothesis makes out
of it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .mutator import Mutator
from .targets import TARGETS

EXAMPLES = 25


@pytest.fixture(scope="module", params=TARGETS)
def opened(request):
    if request.param == "journal_rows" and find_spec("guestd.journal.checksum") is None:
        pytest.skip("damaged rows are found by their checksums, and this journal has none")
    with TARGETS[request.param]() as target:
        yield target


def test_all_that_is_in_the_corpus_keeps_the_promise(opened):
    seeds = opened.seeds()
    assert seeds
    for one in seeds:
        opened.check(one)


@settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), more=st.binary(max_size=64))
def test_inputs_made_from_the_corpus_keep_the_promise(opened, seed, more):
    mutator = Mutator([*opened.seeds(), more], opened.tokens, opened.bytes_max, Random(seed))
    opened.check(mutator.next())


def test_a_broken_promise_is_found_and_kept(tmp_path):
    """The fuzzer itself, on a target that breaks on a byte: exit code 1, and the input in the
    corpus."""
    code = (
        "from pathlib import Path\n"
        "from tests.fuzz.run import run_blind\n"
        "from tests.fuzz.target import Target\n"
        "class Broken(Target):\n"
        "    name = 'broken'\n"
        f"    corpus = Path({str(tmp_path)!r})\n"
        "    def check(self, data):\n"
        "        assert b'!' not in data\n"
        "raise SystemExit(run_blind(Broken(), 20.0, 1, executions_max=5000))\n"
    )
    (tmp_path / "seed-a").write_bytes(b"a")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 1, done.stderr
    assert any(b"!" in one.read_bytes() for one in tmp_path.glob("found-*"))
