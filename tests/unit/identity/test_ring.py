"""The ring as a value: whatever is turned when, one key signs, and what was promised to stay valid
does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.identity.ring import Ring, read, written
from tests.thoroughness import examples

turns = st.lists(
    st.tuples(st.integers(0, 50_000), st.sampled_from([0.0, 300.0, 90_000.0])),
    min_size=1,
    max_size=30,
)


@given(turns)
def test_guest_2_one_key_signs_and_an_overlap_is_kept_to_the_second(steps):
    ring, now, promised = Ring(), 0.0, {}
    for n, (wait, overlap_s) in enumerate(steps):
        now += wait
        if ring.signing is not None:
            promised[ring.signing.kid] = now + overlap_s
        ring = ring.turned(f"k{n}", now, overlap_s, retired_max=4)
        assert ring.signing is not None and ring.signing.kid == f"k{n}"
        assert [one.state for one in ring.entries].count("signing") == 1
        for moment in (now, now + 299.0, now + 300.0, now + 100_000.0):
            wanted = {f"k{n}"} | {kid for kid, until in promised.items() if moment < until}
            assert {one.kid for one in ring.valid(moment)} == wanted
        assert sum(one.state == "retired" for one in ring.entries) <= 4
        assert read(written(ring)) == ring


@settings(max_examples=examples(50))
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_an_index_that_is_none_is_refused_in_words(data):
    with pytest.raises(ValueError, match=r"is not JSON|is not an index"):
        read(data if isinstance(data, bytes) else data.encode())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda index: index.update(version=2), "version 2"),
        (lambda index: index["keys"].pop(0), "exactly one signing key"),
        (lambda index: index["keys"].append(dict(index["keys"][0])), "exactly one signing key"),
        (lambda index: index["keys"].append(dict(index["keys"][1])), "twice"),
        (lambda index: index["keys"][1].update(state="lost"), "not a key"),
        (lambda index: index["keys"][1].update(until=None), "not a key"),
        (lambda index: index["keys"][1].update(created=float("nan")), "not a key"),
        (lambda index: index["keys"].append("k"), "not a key"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(change, words):
    index = json.loads(written(Ring().turned("a", 1.0, 9.0, 4).turned("b", 2.0, 9.0, 4)))
    change(index)
    with pytest.raises(ValueError, match=words):
        read(json.dumps(index).encode())
