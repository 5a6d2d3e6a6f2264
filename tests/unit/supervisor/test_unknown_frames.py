"""The log's word for frames of a kind that is not known."""

from __future__ import annotations

import logging

import pytest

from guestd.model.ids import Guest
from guestd.supervisor import unknown_frames
from guestd.supervisor.unknown_frames import KINDS_MAX, UnknownFrames

ANA = Guest("g1", "ana", "token")


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, logger=unknown_frames.logger.name)
    return lambda: [record.getMessage() for record in caplog.records]


def test_sock_3_a_kind_that_is_not_known_is_logged_once_and_then_ever_more_seldom(logged):
    frames = UnknownFrames()
    for _ in range(1234):
        frames.count("novelty", ANA)
    frames.count("event Reaction", ANA)
    said = [line.rpartition(": ")[2].partition("; ")[0] for line in logged()]
    assert said == [
        "novelty (1 so far",
        "novelty (10 so far",
        "novelty (100 so far",
        "novelty (1000 so far",
        "event Reaction (1 so far",
    ]


def test_sock_3_the_log_has_a_bound_and_nothing_that_a_guest_has_said(logged):
    frames = UnknownFrames()
    for text in ("my card is 4111 1111 1111 1111", "a\nforged line", "x" * 60, "tel:+44 20"):
        frames.count(text, ANA)
    for n in range(10 * KINDS_MAX):
        frames.count(f"kind{n}", ANA)
    lines = "\n".join(logged())
    bound = KINDS_MAX + 3  # and 1, 10, 100 of all others
    assert (len(lines.split("\n")), "4111" in lines, "forged" in lines) == (bound, False, False)
