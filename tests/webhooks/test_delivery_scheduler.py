"""Who is sent next: order per lane, bounds per host, circuits; on a clock of our own."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.model.records import DeliveryRecord
from guestd.webhooks.circuit import Circuit
from guestd.webhooks.delivery_scheduler import DeliveryScheduler
from tests.thoroughness import examples


def record(name, target="crm", lane=None):
    return DeliveryRecord(name, target, lane or name, "session.connected", b"{}")


def new(inflight_max=100, per_host_max=3, failures=2, open_s=30.0):
    return DeliveryScheduler(inflight_max, per_host_max, failures, open_s)


def taken(dispatch, now):
    found = []
    while (one := dispatch.take(now)) is not None:
        found.append(one.delivery_id)
    return found


def test_a_lane_sends_its_head_only_and_the_next_when_that_is_recorded():
    dispatch = new()
    first, second = record("a1", lane="a"), record("a2", lane="a")
    dispatch.add(first, "h", 0.0)
    dispatch.add(second, "h", 0.0)
    assert taken(dispatch, 1.0) == ["a1"]
    dispatch.called(first)
    assert taken(dispatch, 1.0) == []
    dispatch.done(first, 1.0)
    assert taken(dispatch, 1.0) == ["a2"]


def test_sync_1_a_failing_head_blocks_its_lane_only():
    dispatch = new(failures=99)
    for name in ("a1", "a2"):
        dispatch.add(record(name, lane="a"), "h", 0.0)
    dispatch.add(record("b1", lane="b"), "h", 0.0)
    head = dispatch.take(0.0)
    assert head.delivery_id == "a1"
    dispatch.called(head)
    dispatch.again(head, 10.0)
    assert taken(dispatch, 5.0) == ["b1"]
    assert dispatch.next_at(5.0) == 10.0
    assert taken(dispatch, 10.0) == ["a1"]


def test_a_host_has_at_most_its_number_of_calls_and_others_go_on():
    dispatch = new(per_host_max=3)
    for n in range(10):
        dispatch.add(record(f"slow{n}"), "slow", 0.0)
    for n in range(2):
        dispatch.add(record(f"fast{n}", target="other"), "fast", 0.0)
    found = taken(dispatch, 0.0)
    assert sorted(found) == ["fast0", "fast1", "slow0", "slow1", "slow2"]


def test_hosts_take_turns_under_the_bound_over_all():
    dispatch = new(inflight_max=4, per_host_max=10)
    for n in range(10):
        dispatch.add(record(f"many{n}"), "many", 0.0)
    dispatch.add(record("few0", target="other"), "few", 0.0)
    assert "few0" in taken(dispatch, 0.0) and dispatch.calling == 4


def fail(dispatch, one, now, due):
    dispatch.called(one).failed(now)
    dispatch.again(one, due)


def test_sync_1_a_dead_host_is_left_alone_and_probed_once():
    dispatch = new(failures=2, open_s=30.0)
    for n in range(5):
        dispatch.add(record(f"d{n}"), "dead", 0.0)
    ones = [dispatch.take(0.0) for _ in range(3)]
    for one in ones:
        fail(dispatch, one, 1.0, 2.0)
    assert taken(dispatch, 30.9) == [] and dispatch.next_at(30.9) == 31.0
    assert dispatch.circuits_open() == {"crm": 1}
    probe = dispatch.take(31.0)
    assert probe is not None and dispatch.take(31.0) is None
    fail(dispatch, probe, 32.0, 33.0)
    assert taken(dispatch, 61.9) == []
    probe = dispatch.take(62.0)
    dispatch.called(probe).succeeded()
    dispatch.done(probe, 62.0)
    assert len(taken(dispatch, 62.0)) == 3 and dispatch.circuits_open() == {"crm": 0}


def test_circuits_that_opened_together_do_not_ask_together():
    """Else all of them stand in the same line again, each time."""
    dispatch = DeliveryScheduler(100, 3, 1, 30.0, Random(1))
    for n in range(20):
        dispatch.add(record(f"a{n}"), f"host-{n}", 0.0)
    heads = [dispatch.take(0.0) for _ in range(20)]
    for one in heads:
        dispatch.called(one).failed(0.0)
        dispatch.again(one, 0.0)
    assert taken(dispatch, 29.9) == []
    some = taken(dispatch, 33.0)
    assert 0 < len(some) < 20 and len(taken(dispatch, 37.5)) == 20 - len(some)


def test_a_host_that_asks_for_a_pause_gets_it():
    circuit = Circuit(5, 30.0)
    circuit.failed(0.0)
    circuit.rest_until(100.0)
    assert circuit.is_closed and not circuit.permits(99.0) and circuit.permits(100.0)


def test_a_probe_that_never_came_to_the_host_is_not_the_last_one():
    circuit = Circuit(1, 30.0)
    circuit.failed(0.0)
    circuit.calls()
    assert not circuit.permits(31.0)
    circuit.learned_nothing()
    assert circuit.permits(31.0)


@settings(max_examples=examples(200))
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 4))
def test_sync_1_order_per_lane_whatever_fails(seed, lanes, per_host_max):
    """Every delivery is sent; of a lane none before the one ahead of it has arrived or was given
    up; bounds hold."""
    rng = Random(seed)
    dispatch = DeliveryScheduler(6, per_host_max, 3, 5.0)
    settled: dict[str, list[int]] = {}
    under_way: list[DeliveryRecord] = []
    made = {f"lane{n}": 0 for n in range(lanes)}
    now, left = 0.0, 60
    while left or len(dispatch):
        if left and rng.random() < 0.5:
            lane = rng.choice(sorted(made))
            dispatch.add(
                record(f"{lane}:{made[lane]}", target=f"t{lane[-1]}", lane=lane),
                f"h{rng.randrange(1)}",
                now,
            )
            made[lane] += 1
            left -= 1
        while (one := dispatch.take(now)) is not None:
            under_way.append(one)
        assert len(under_way) == dispatch.calling <= min(6, per_host_max)
        if under_way and rng.random() < 0.8:
            one = under_way.pop(rng.randrange(len(under_way)))
            circuit = dispatch.called(one)
            lane, _, number = one.delivery_id.partition(":")
            assert settled.get(lane, []) == list(range(int(number)))
            outcome = rng.random()
            if outcome < 0.3:
                circuit.failed(now)
                dispatch.again(one, now + rng.random() * 3)
            else:
                circuit.succeeded()
                settled.setdefault(lane, []).append(int(number))
                dispatch.done(one, now)
        now += rng.random()
    assert settled == {lane: list(range(count)) for lane, count in made.items() if count}
    assert dispatch.next_at(now) is None
