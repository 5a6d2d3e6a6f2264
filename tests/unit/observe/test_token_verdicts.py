"""The share of guest tokens that failed their check, and the bound of what is remembered."""

from __future__ import annotations

from guestd.observe.token_verdicts import TokenVerdicts


def test_guest_3_a_token_counts_once_in_each_operation():
    """Its verdict before it was used is of the first of them."""
    verdicts = TokenVerdicts()
    found = []
    for failed, operation in ((False, ""), (True, "a"), (False, "b"), (False, "b"), (True, "c")):
        verdicts.judge("token", failed, operation)
        found.append((verdicts.judged, verdicts.failed))
    assert found == [(1, 0), (1, 1), (2, 1), (2, 1), (3, 2)]


def test_guest_3_a_token_of_two_operations_counts_once_in_each():
    """However often the platform speaks of it, in turns: each heartbeat may be refused for it."""
    verdicts = TokenVerdicts()
    verdicts.judge("token", False)
    for operation in ("a", "b", "a", "b", "a"):
        verdicts.judge("token", True, operation)
    verdicts.judge("token", False)  # ours, of the one that used it last
    assert (verdicts.judged, verdicts.failed) == (2, 1)


def test_guest_3_the_share_of_tokens_has_a_bound():
    """A token that was forgotten counts anew; one that is judged again is remembered longer."""
    verdicts = TokenVerdicts(known_max=2)
    for token, failed in (("a", True), ("b", False), ("a", False), ("c", True), ("a", True)):
        verdicts.judge(token, failed)
    before = verdicts.judged, verdicts.failed
    verdicts.judge("b", True)
    after = verdicts.judged, verdicts.failed, verdicts.failed_share
    assert (before, after, TokenVerdicts().failed_share) == ((3, 2), (4, 3, 0.75), 0.0)
