"""Each contract has mutants, and each mutant still fits the source. Whether they are caught: `make
mutants`."""

from __future__ import annotations

import subprocess

import pytest

from tests.mutants.patches import ROOT, all_mutants, rows

MUTANTS = all_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_a_mutant_fits_the_source_and_names_tests_that_exist(mutant):
    command = ["git", "apply", "--check", str(mutant.path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert mutant.node_ids()


def test_every_contract_has_at_least_two_mutants():
    count = {row: sum(one.row == row for one in MUTANTS) for row in rows()}
    assert {row: number for row, number in count.items() if number < 2} == {}
