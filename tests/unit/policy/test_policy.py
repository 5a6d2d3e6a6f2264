"""The pure judges: backoff, buckets, deadlines, admission, hold-back, natural order."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.policy.admission import Admission
from guestd.policy.backoff import Backoff
from guestd.policy.buckets import SlidingCount, TokenBucket
from guestd.policy.deadlines import DeadlineWheel
from guestd.policy.naturals import natural_key
from guestd.policy.reorder_delay import ReorderDelay
from tests.thoroughness import examples


class TestBackoff:
    @given(attempt=st.integers(0, 200), seed=st.integers())
    def test_stays_inside_sock_2_for_any_draw(self, attempt, seed):
        delay_s = Backoff().delay_s(attempt, Random(seed))
        assert min(2.0**attempt, 30.0) <= delay_s <= min(2.0**attempt + 1.0, 30.0)

    def test_ten_tries(self):
        assert not Backoff().exhausted(9) and Backoff().exhausted(10)

    def test_the_rests_that_are_left_are_those_of_the_tries_that_are_left(self):
        some = Backoff(base_s=1.0, jitter_s=1.0, cap_s=30.0, attempts_max=10)
        assert some.left_s(10) == 0.0
        assert some.left_s(9) == 30.0
        assert some.left_s(0) == 1.5 + 2.5 + 4.5 + 8.5 + 16.5 + 5 * 30.0


class TestBuckets:
    @settings(max_examples=examples(200))
    @given(
        st.integers(1, 10), st.floats(0.1, 10), st.lists(st.floats(0, 3), min_size=1, max_size=80)
    )
    def test_sliding_count_never_exceeds_its_limit_in_any_window(self, limit, window_s, pauses):
        count, now, taken = SlidingCount(limit, window_s), 0.0, []
        for pause in pauses:
            now += pause
            ready_at = count.ready_at(now)
            assert count.take(now) == (ready_at <= now)
            if ready_at <= now:
                taken.append(now)
        for n, first in enumerate(taken):
            assert sum(first <= at < first + window_s - 1e-9 for at in taken[n:]) <= limit

    @given(st.integers(1, 10), st.floats(0.1, 10))
    def test_what_ready_at_promises_holds(self, limit, window_s):
        count, now = SlidingCount(limit, window_s), 5.0
        for _ in range(limit * 3):
            now = count.ready_at(now)
            assert count.take(now)

    @settings(max_examples=examples(200))
    @given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.floats(0, 2), max_size=60))
    def test_token_bucket_holds_its_average(self, rate, burst, pauses):
        bucket, now, taken = TokenBucket(rate, burst), 0.0, 0
        for pause in pauses:
            now += pause
            taken += bucket.take(now)
        assert taken <= burst + rate * now + 1e-6

    def test_a_reserve_is_left_alone(self):
        bucket = TokenBucket(1.0, 3)
        assert bucket.take(0.0, keep=2) and not bucket.take(0.0, keep=2) and bucket.take(0.0)


class TestDeadlines:
    @settings(max_examples=examples(150))
    @given(st.integers(0, 2**32))
    def test_like_a_sorted_list_never_early_at_most_a_tick_late(self, seed):
        rng = Random(seed)
        tick_s, now = 0.05, rng.uniform(0, 1000)
        wheel: DeadlineWheel[int] = DeadlineWheel(tick_s, slots=32, now=now)
        model: dict[int, float] = {}
        for _ in range(120):
            choice = rng.random()
            key = rng.randrange(12)
            if choice < 0.5:
                at = now + rng.choice([0.0, rng.uniform(0, 1), rng.uniform(0, 10)])
                wheel.set(key, at)
                model[key] = at
            elif choice < 0.6:
                wheel.cancel(key)
                model.pop(key, None)
            else:
                now += rng.choice([0.0, 0.01, rng.uniform(0, 0.5), rng.uniform(0, 8)])
                due = wheel.due(now)
                for fired in due:
                    assert model.pop(fired) <= now
                assert all(at > now - 2 * tick_s for at in model.values())
            assert len(wheel) == len(model)
            next_at = wheel.next_at()
            assert (next_at is None) == (not model)
            if model:
                assert next_at <= max(min(model.values()), now) + 2 * tick_s
        wheel.due(now + 100)
        assert len(wheel) == 0

    def test_due_come_in_order_of_time_then_insertion(self):
        wheel: DeadlineWheel[str] = DeadlineWheel(0.05)
        for key, at in (("late", 0.4), ("first", 0.2), ("second", 0.2)):
            wheel.set(key, at)
        assert wheel.due(1.0) == ["first", "second", "late"]

    def test_a_key_has_one_deadline(self):
        wheel: DeadlineWheel[str] = DeadlineWheel(0.05)
        wheel.set("a", 1.0)
        wheel.set("a", 2.0)
        assert wheel.due(1.5) == [] and wheel.due(2.5) == ["a"]


class TestAdmission:
    @settings(max_examples=examples(100))
    @given(st.integers(0, 2**32))
    def test_never_more_than_its_minute_and_never_more_in_flight(self, seed):
        rng = Random(seed)
        per_minute, inflight_max = rng.choice([5, 60, 300]), rng.choice([1, 5, 50])
        admission: Admission[int] = Admission(
            per_minute, burst=rng.choice([1, 10, 100]), inflight_max=inflight_max
        )
        now, admitted, flying, key = 0.0, [], set(), 0
        for _ in range(400):
            for _ in range(rng.randrange(4)):
                key += 1
                admission.ask(key, now, rng.randrange(2))
            for one in admission.admit(now):
                admitted.append(now)
                flying.add(one)
            assert len(flying) == admission.inflight <= inflight_max
            if flying and rng.random() < 0.8:
                admission.finished(flying.pop())
            if rng.random() < 0.05:
                admission.refused(now, rng.choice([None, 2.0]))
            now += rng.choice([0.0, 0.1, 1.0])
        for n, first in enumerate(admitted):
            assert sum(at < first + 60.0 for at in admitted[n:]) <= per_minute

    def test_everybody_gets_in_and_those_with_unsent_commands_first(self):
        admission: Admission[str] = Admission(per_minute=60, burst=1, inflight_max=10)
        for key, priority in (("idle", 1), ("eager", 0)):
            admission.ask(key, 0.0, priority)
        assert admission.admit(0.0) == ["eager"]
        assert admission.next_at(0.0) == 1.0
        assert admission.admit(1.0) == ["idle"]

    def test_a_cancelled_one_is_not_admitted(self):
        admission: Admission[str] = Admission()
        admission.ask("a", 0.0)
        admission.cancel("a")
        assert admission.admit(0.0) == [] and admission.next_at(0.0) is None

    def test_a_refusal_slows_down_and_passes(self):
        admission: Admission[int] = Admission(per_minute=600, burst=10, inflight_max=1000)

        def admitted_in(start: float, seconds: int) -> int:
            return sum(len(admission.admit(start + n / 10)) for n in range(seconds * 10))

        for key in range(2000):
            admission.ask(key, 0.0)
        before = admitted_in(0.0, 5)
        admission.refused(5.0)
        braked = admitted_in(5.0, 5)
        after = admitted_in(60.0, 5)
        assert braked <= before * 0.6 and after >= before * 0.8

    def test_retry_after_stops_all_dials_until_then(self):
        admission: Admission[int] = Admission()
        admission.refused(0.0, 7.0)
        admission.ask(1, 0.0)
        assert admission.admit(6.9) == [] and admission.next_at(1.0) == 7.0
        assert admission.admit(7.0) == [1]

    @pytest.mark.parametrize("retry_after_s", [30.0, 86_400.0, 1e9, 1e308, float("inf")])
    def test_one_header_never_closes_the_gate_for_longer_than_our_bound(self, retry_after_s):
        admission: Admission[int] = Admission(retry_after_max_s=30.0)
        admission.refused(0.0, retry_after_s)
        admission.ask(1, 0.0)
        assert admission.next_at(1.0) == 30.0
        assert admission.admit(30.0) == [1]


class TestReorderDelay:
    def test_trust_is_earned_and_then_costs_nothing(self):
        hold = ReorderDelay(initial_ms=100, trust_after=20)
        for _ in range(20):
            hold.saw_in_order()
        assert hold.hold_ms == 0

    def test_one_displacement_is_learned_at_once_and_forgotten_slowly(self):
        hold = ReorderDelay(initial_ms=0)
        hold.saw_displacement(50)
        assert hold.hold_ms >= 100
        for _ in range(1000):
            hold.saw_in_order()
        assert hold.hold_ms >= 100
        for _ in range(20_000):
            hold.saw_in_order()
        assert hold.hold_ms == 0

    @given(st.lists(st.floats(0, 1e6), max_size=30))
    def test_it_stays_within_its_bounds(self, displacements):
        hold = ReorderDelay(min_ms=10, max_ms=500)
        for late_ms in displacements:
            hold.saw_displacement(late_ms)
            assert 10 <= hold.hold_ms <= 500


class TestNaturals:
    def test_the_documents_examples(self):
        for smaller, larger in (("9", "10"), ("msg-9", "msg-10"), ("a2b9", "a2b10"), ("007", "8")):
            assert natural_key(smaller) < natural_key(larger)

    @given(st.integers(0, 10**30), st.integers(0, 10**30))
    def test_numbers_sort_as_numbers(self, a, b):
        assert (natural_key(f"x{a}") < natural_key(f"x{b}")) == (a < b)

    @given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
    def test_it_is_a_total_order(self, a, b, c):
        x, y, z = natural_key(a), natural_key(b), natural_key(c)
        assert (x < y) + (y < x) + (x == y) == 1
        assert not (x < y < z) or x < z

    @given(st.integers(0, 10**12))
    def test_follows_means_the_very_next(self, n):
        assert natural_key(f"m-{n + 1}").follows(natural_key(f"m-{n}"))
        assert not natural_key(f"m-{n + 2}").follows(natural_key(f"m-{n}"))
        assert not natural_key(f"k-{n + 1}").follows(natural_key(f"m-{n}"))
