"""HTTP-1, the thinking part: what is retried, after how long, and when it is given up."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.policy.retry import PASSING, Outcome, RetryPolicy

FOREVER = 1e12

policies = st.builds(
    RetryPolicy,
    attempts_max=st.integers(1, 8),
    base_s=st.floats(0.01, 10.0),
    cap_s=st.floats(0.01, 60.0),
    jitter=st.sampled_from(["equal", "full"]),
    retry_after_cap_s=st.floats(0.0, 120.0),
)
outcomes = st.builds(
    Outcome,
    status=st.none()
    | st.sampled_from(
        [200, 302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504, 599]
    ),
    sent=st.booleans(),
    retry_after_s=st.none() | st.floats(0.0, 1e5),
)
seeds = st.integers(0, 2**32).map(Random)


def rest(
    policy,
    attempt,
    outcome,
    *,
    now=0.0,
    deadline=FOREVER,
    rng=None,
    repeatable=True,
    retry_500=False,
):
    rng = rng or Random(1)
    return policy.next(
        attempt, outcome, now, deadline, rng, repeatable=repeatable, retry_500=retry_500
    )


@given(policies, outcomes, seeds, st.integers(1, 10), st.booleans(), st.booleans())
def test_http_1_a_rest_is_bounded_and_attempts_end(
    policy, outcome, rng, attempt, repeatable, retry_500
):
    found = rest(policy, attempt, outcome, rng=rng, repeatable=repeatable, retry_500=retry_500)
    if attempt >= policy.attempts_max:
        assert found is None
    if found is not None:
        assert 0.0 <= found <= max(policy.cap_s, policy.retry_after_cap_s)
        if outcome.retry_after_s is not None:
            assert found >= min(outcome.retry_after_s, policy.retry_after_cap_s)


@given(policies, outcomes, seeds, st.floats(0.0, 1e6), st.floats(0.0, 100.0))
def test_http_1_no_rest_ends_after_the_deadline(policy, outcome, rng, now, left):
    found = rest(policy, 1, outcome, now=now, deadline=now + left, rng=rng)
    assert found is None or now + found < now + left


@given(
    policies, seeds, st.sampled_from([400, 401, 403, 404, 408, 409, 410, 413, 422]), st.booleans()
)
def test_http_1_other_4xx_are_never_retried(policy, rng, status, sent):
    assert rest(policy, 1, Outcome(status, sent, 0.0), rng=rng, retry_500=True) is None


@given(policies, outcomes, seeds)
def test_http_1_what_may_have_acted_is_not_repeated_without_a_key(policy, outcome, rng):
    if outcome.status != 429 and not (outcome.status is None and not outcome.sent):
        assert rest(policy, 1, outcome, rng=rng, repeatable=False, retry_500=True) is None


@pytest.mark.parametrize("status", [429, *PASSING, None])
def test_http_1_what_passes_is_retried_where_it_may_be(status):
    assert rest(RetryPolicy(), 1, Outcome(status)) is not None
    assert (rest(RetryPolicy(), 1, Outcome(status), repeatable=False) is not None) == (
        status == 429
    )


def test_http_1_a_request_that_never_left_may_be_made_again():
    assert rest(RetryPolicy(), 1, Outcome(None, sent=False), repeatable=False) is not None


def test_http_1_500_is_retried_only_for_calls_marked_so():
    for status in (500, 501, 599):
        assert rest(RetryPolicy(), 1, Outcome(status)) is None
        assert rest(RetryPolicy(), 1, Outcome(status), retry_500=True) is not None
        assert rest(RetryPolicy(), 1, Outcome(status), retry_500=True, repeatable=False) is None


def test_http_1_rests_double_from_one_second_to_five():
    for attempt, (low, high) in enumerate(
        [(1.0, 1.5), (2.0, 3.0), (10 / 3, 5.0), (10 / 3, 5.0)], start=1
    ):
        found = [
            rest(RetryPolicy(attempts_max=9), attempt, Outcome(503), rng=Random(seed))
            for seed in range(200)
        ]
        assert low <= min(found) < low + (high - low) / 10
        assert high - (high - low) / 10 < max(found) <= high


def test_http_1_full_jitter_begins_at_nothing():
    found = [
        rest(RetryPolicy(jitter="full"), 1, Outcome(503), rng=Random(seed)) for seed in range(200)
    ]
    assert min(found) < 0.1
    assert 0.9 < max(found) <= 1.0


def test_http_1_three_attempts_by_default():
    assert rest(RetryPolicy(), 2, Outcome(503)) is not None
    assert rest(RetryPolicy(), 3, Outcome(503)) is None


def test_http_1_a_retry_after_is_capped():
    assert rest(RetryPolicy(), 1, Outcome(429, retry_after_s=3600.0)) == 10.0
    assert 3.0 <= rest(RetryPolicy(), 1, Outcome(429, retry_after_s=3.0)) <= 4.0
    assert rest(RetryPolicy(), 1, Outcome(429, retry_after_s=0.0)) == 0.0
