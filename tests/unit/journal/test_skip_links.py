"""The end of a stream, and the two earlier events that each new one names."""

from __future__ import annotations

import pytest

from guestd.journal.skip_links import SkipLinks


def grown(to: int) -> tuple[SkipLinks, dict[int, tuple[int, int]]]:
    """A stream of `to` events, the n-th at offset 10 n; and what each of them names."""
    chain = SkipLinks(1)
    return chain, {seq: chain.append(seq, 10 * seq) for seq in range(1, to + 1)}


def test_prev_is_one_back_and_jump_is_without_the_lowest_bit():
    _, named = grown(3000)
    assert named == {seq: (10 * (seq - 1), 10 * (seq & (seq - 1))) for seq in range(1, 3001)}


def test_the_path_has_one_offset_for_each_bit():
    for to, path in (
        (0b1011, [0b1000, 0b1010, 0b1011]),
        (0b1100, [0b1000, 0b1100]),
        (0b10000, [0b10000]),
    ):
        assert grown(to)[0].path == [10 * seq for seq in path]


def test_any_event_is_found_from_any_newest_one_in_a_few_steps():
    for newest in (1, 2, 63, 64, 1000, 4095, 4096):
        for wanted in range(1, newest + 1):
            at, steps = newest, 0
            while at != wanted:
                at = at & (at - 1) if at & (at - 1) >= wanted else at - 1
                steps += 1
            assert steps <= newest.bit_length() * (newest.bit_length() + 1) // 2


@pytest.mark.parametrize("seq", [1, 10, 12, 0])
def test_only_the_next_seq_is_taken(seq):
    chain, _ = grown(10)
    with pytest.raises(ValueError, match=f"seq {seq} after 10 in stream 1"):
        chain.append(seq, 999)
    assert (chain.seq, chain.path[-1]) == (10, 100)
    assert chain.append(11, 110) == (100, 100)
