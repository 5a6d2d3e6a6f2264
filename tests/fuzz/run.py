"""Fuzz one target: `python -m tests.fuzz.run TARGET --seconds 600 [--seed N]`.

Where atheris is installed, coverage guides the targets without sockets and files; elsewhere, and
for the others, inputs are made from the corpus, and one with a new kind of answer is built upon. A
failing input is kept as `corpus/TARGET/found-*`, one of each place in the code, and stays in the
suite. Exit code 1 if there was any."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import math
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Hashable
from contextlib import suppress
from random import Random
from typing import Any

from .mutator import Mutator
from .target import Target

#: An input with a new kind of answer is kept for the next run, if it is short and there are not
#: many yet.
KEPT_BYTES_MAX = 2048
CORPUS_FILES_MAX = 48


class Findings:
    """What the executions of one target have shown."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._places: set[str] = set()
        self._answers: set[Hashable] = set()
        self.executions = 0

    @property
    def failures(self) -> int:
        return len(self._places)

    def execute(self, data: bytes) -> bool:
        """True if the answer was of a new kind."""
        self.executions += 1
        try:
            answer = self._target.check(data)
        except Exception as error:
            self._failed(data, error)
            return False
        if answer in self._answers:
            return False
        self._answers.add(answer)
        return True

    def keep(self, data: bytes) -> None:
        folder = self._target.corpus
        if len(data) <= KEPT_BYTES_MAX and len(list(folder.iterdir())) < CORPUS_FILES_MAX:
            (folder / f"kept-{_digest(data)}").write_bytes(data)

    def _failed(self, data: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} at " + " ".join(
            f"{one.name}:{one.lineno}" for one in frames[-2:]
        )
        if place in self._places:
            return
        self._places.add(place)
        path = self._target.corpus / f"found-{_digest(data)}"
        path.write_bytes(data)
        print(f"FAILURE {path.name}: {place}: {str(error)[:300]}", flush=True)
        traceback.print_exception(error)

    def summary(self) -> str:
        kinds = f"{len(self._answers)} kinds of answer"
        return (
            f"{self._target.name}: {self.executions} executions, {kinds}, {self.failures} failures"
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def run_blind(target: Target, seconds: float, seed: int, executions_max: float = math.inf) -> int:
    """The number of failures."""
    with target:
        findings = Findings(target)
        seeds = target.seeds()
        for one in seeds:
            findings.execute(one)
        mutator = Mutator(seeds, target.tokens, target.bytes_max, Random(seed))
        end = time.monotonic() + seconds
        while time.monotonic() < end and findings.executions < executions_max:
            data = mutator.next()
            if findings.execute(data):
                mutator.keep(data)
                findings.keep(data)
        print(findings.summary())
    return findings.failures


def run_guided(atheris: Any, target: Target, seconds: float, seed: int) -> None:
    """Ends the process, as libFuzzer does."""
    target.__enter__()
    findings = Findings(target)
    end = time.monotonic() + seconds

    def execute(data: bytes) -> None:
        findings.execute(data)
        if time.monotonic() >= end:
            print(findings.summary(), flush=True)
            target.__exit__(None, None, None)
            os._exit(findings.failures > 0)

    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as tokens:
        tokens.writelines(f'"{_escaped(one)}"\n' for one in target.tokens if one)
    grown = tempfile.mkdtemp(prefix=f"guestd-fuzz-{target.name}-")
    print(f"what reaches new code is in {grown}", flush=True)
    options = [
        f"-dict={tokens.name}",
        f"-max_len={target.bytes_max}",
        f"-seed={seed}",
        "-timeout=60",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, grown, str(target.corpus)], execute)
    atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{one:02x}" for one in token)


def _atheris() -> Any:
    with suppress(ImportError):
        return importlib.import_module("atheris")
    return None


def _targets(atheris: Any) -> dict[str, type[Target]]:
    """Imported only now, so that atheris can see the branches of the daemon."""
    if atheris is None:
        return importlib.import_module(f"{__package__}.targets").TARGETS
    with atheris.instrument_imports(include=["guestd"]):
        return importlib.import_module(f"{__package__}.targets").TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    atheris = _atheris()
    targets = _targets(atheris)
    if given.target not in targets:
        parser.error(f"TARGET is one of {', '.join(targets)}")
    target = targets[given.target]()
    if atheris is not None and target.is_pure:
        run_guided(atheris, target, given.seconds, given.seed)
    return int(run_blind(target, given.seconds, given.seed) > 0)


if __name__ == "__main__":
    sys.exit(main())
