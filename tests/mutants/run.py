"""Does every contract's test notice when the contract is broken?

    make mutants                                        all of them, two at a time
    python -m tests.mutants.run AUTH SOCK-7             some families or rows
    python -m tests.mutants.run --without 10 --seed 1   ten assertions at random, each left out: some mutant must survive
    python -m tests.mutants.run --needless              which assertions no mutant needs

Each mutant is applied to a copy of the source, its tests run there, and the patch is taken back. A
mutant whose tests still pass has survived: the test is to be made stronger, never the mutant
deleted. First all tests run on the copy as it is, because a test that fails anyway catches
everything.

Exit code 0: none survived (with `--without`: each assertion was needed); 1: some did; 2: it could
not be tried."""

from __future__ import annotations

import argparse
import os
import queue
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from . import soft
from .assertions import Assertion, assertions_of
from .patches import ROOT, Mutant, all_mutants
from .trees import Outcome, Tree

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    mutants = [one for one in all_mutants() if _is_asked_for(one, options.rows)]
    if not mutants:
        print("no such mutants", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="guestd-mutants-") as directory:
        trees = [Tree(Path(directory) / str(number)) for number in range(options.workers)]
        if not _pass_as_they_are(trees[0], mutants):
            return 2
        if options.needless:
            return _list_needless(trees, mutants)
        if options.without:
            return _try_without(trees, mutants, options.without, options.seed)
        return _try_all(trees, mutants)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants.run", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "rows", nargs="*", help="ids or families of contracts: AUTH-1, SOCK (default: all)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 2, help="copies that are worked on at once"
    )
    parser.add_argument(
        "--without", type=int, default=0, metavar="N", help="leave out N assertions, one at a time"
    )
    parser.add_argument(
        "--needless", action="store_true", help="list assertions that alone catch no mutant"
    )
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="which assertions"
    )
    return parser


def _is_asked_for(mutant: Mutant, rows: Iterable[str]) -> bool:
    return not rows or any(mutant.row == row or mutant.row.startswith(f"{row}-") for row in rows)


def _pass_as_they_are(tree: Tree, mutants: list[Mutant]) -> bool:
    node_ids = sorted({one for mutant in mutants for one in mutant.node_ids()})
    outcome = tree.test(node_ids)
    if outcome.status != "passed":
        print(outcome.output, file=sys.stderr)
        print("the tests do not pass without a mutant; nothing was tried", file=sys.stderr)
        return False
    print(f"{len(node_ids)} tests pass as they are ({outcome.took_s:.0f} s)", flush=True)
    return True


# ---------------------------------------------------------------------- all mutants


def _try_all(trees: list[Tree], mutants: list[Mutant]) -> int:
    begun = time.monotonic()
    survived = []
    for number, (mutant, outcome) in enumerate(_in_parallel(trees, mutants, _outcome), 1):
        word = {"passed": "SURVIVED", "failed": "caught", "timed out": "caught (timed out)"}.get(
            outcome.status, "UNUSABLE"
        )
        print(
            f"{number:4} {word:9} {outcome.took_s:5.1f} s  {mutant.name}: {mutant.change}",
            flush=True,
        )
        if word.isupper():
            survived.append((mutant, outcome))
    for mutant, outcome in survived:
        print(f"\n{mutant.name}: {mutant.change}\n  {' '.join(mutant.node_ids())}")
        if outcome.status == "unusable":
            print(outcome.output)
    took = time.monotonic() - begun
    print(f"\n{len(mutants)} mutants, {len(survived)} survived, {took:.0f} s")
    return 1 if survived else 0


def _outcome(tree: Tree, mutant: Mutant) -> Outcome:
    try:
        with tree.changed(mutant):
            return tree.test(mutant.soonest_first())
    except ValueError as problem:
        return Outcome("unusable", 0.0, str(problem))


# ---------------------------------------------------------------------- without an assertion


def _try_without(trees: list[Tree], mutants: list[Mutant], count: int, seed: int) -> int:
    by_test = _mutants_of_tests(mutants)
    found = [(test, one) for test in sorted(by_test) for one in assertions_of(ROOT, test)]
    chosen = random.Random(seed).sample(found, min(count, len(found)))
    print(f"{len(chosen)} of {len(found)} assertions, seed {seed}", flush=True)

    def survivor(tree: Tree, choice: tuple[str, Assertion]) -> str:
        test, assertion = choice
        without = assertion.removed((tree.root / assertion.path).read_text())
        for mutant in by_test[test]:
            if not _is_noticed_by(tree, mutant, test):
                continue  # by this test, so the assertion is no reason why it is caught
            with tree.rewritten(assertion.path, without):
                if _outcome(tree, mutant).status == "passed":
                    return mutant.name
        return ""

    needless = 0
    for (_, assertion), name in _in_parallel(trees, chosen, survivor):
        needless += not name
        print(
            f"{f'lets {name} live' if name else 'NEEDLESS'}: {assertion.path}:{assertion.line}"
            f" {assertion.text}",
            flush=True,
        )
    print(f"\n{len(chosen)} assertions left out, {needless} made no difference")
    return 1 if needless else 0


def _is_noticed_by(tree: Tree, mutant: Mutant, test: str) -> bool:
    """One test is far cheaper than all of a row, and most of a row's mutants are not this one's."""
    with tree.changed(mutant):
        return tree.test([test]).status != "passed"


def _mutants_of_tests(mutants: Iterable[Mutant]) -> dict[str, list[Mutant]]:
    found: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        for one in mutant.node_ids():
            found.setdefault(one.partition("[")[0], []).append(mutant)
    return found


# ---------------------------------------------------------------------- needless assertions


def _list_needless(trees: list[Tree], mutants: list[Mutant]) -> int:
    """Which assertions are the only one to notice some mutant; the others are listed."""
    tests = sorted(_mutants_of_tests(mutants))
    names: dict[str, set[str]] = {}
    for test in tests:
        names.setdefault(test.partition("::")[0], set()).add(test.rpartition("::")[2])
    for tree in trees:
        for path, functions in names.items():
            file = tree.root / path
            file.write_text(soft.softened(file.read_text(), path, functions))
    needed: dict[str, str] = {}
    for mutant, noticed in _in_parallel(trees, mutants, _noticed_by):
        print(f"{mutant.name}: {' '.join(sorted(noticed)) or 'nothing'}", flush=True)
        if len(noticed) == 1:
            needed.setdefault(noticed.pop(), mutant.name)
    found = [one for test in tests for one in assertions_of(ROOT, test)]
    needless = [one for one in found if f"{one.path}:{one.line}" not in needed]
    for one in needless:
        print(f"NEEDLESS {one.path}:{one.line} {' '.join(one.text.split())}")
    print(f"\n{len(found)} assertions, {len(needless)} that alone notice no mutant")
    return 1 if needless else 0


def _noticed_by(tree: Tree, mutant: Mutant) -> set[str]:
    """The places of the assertions that failed; "error" if a test failed in another way."""
    notes = tree.root / ".notes"
    notes.unlink(missing_ok=True)
    with tree.changed(mutant):
        outcome = tree.test(mutant.node_ids(), notes)
    return soft.notes_in(notes) | (set() if outcome.status == "passed" else {"error"})


# ---------------------------------------------------------------------- one job per tree


def _in_parallel(
    trees: list[Tree], jobs: Sequence[JobT], work: Callable[[Tree, JobT], ResultT]
) -> Iterator[tuple[JobT, ResultT]]:
    """Yields (job, result) in the order of the jobs."""
    free: queue.Queue[Tree] = queue.Queue()
    for tree in trees:
        free.put(tree)

    def one(job: JobT) -> tuple[JobT, ResultT]:
        tree = free.get()
        try:
            return job, work(tree, job)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        yield from pool.map(one, jobs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
