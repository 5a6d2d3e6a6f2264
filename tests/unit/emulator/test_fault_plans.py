"""Fault plans: what is refused, and that a seed repeats."""

from __future__ import annotations

import pytest

from guestd.emulator.core.fault_rules import (
    KINDS,
    FaultPlanError,
    FaultRule,
    own_fields,
    parse_plan,
)
from guestd.emulator.core.faults import FaultInjector


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ("drop", ""),
        ({"rules": {}}, ""),
        ({"rule": []}, ""),
        ({"seed": "x"}, "seed"),
        ([{"kind": "meteor", "rate": 0.1}], "rules.0"),
        ([{"kind": "drop"}], "rules.0"),
        ([{"kind": "drop", "rate": 0.1, "every": 2}], "rules.0"),
        ([{"kind": "drop", "rate": 0.1, "every": 2, "count": 1}], "rules.0"),
        ([{"kind": "drop", "rate": 0.1, "sender": "agent"}], "rules.0"),
        ([{"kind": "delay", "rate": 0.1, "ms": 10, "ms_min": 20}], "rules.0"),
        ([{"kind": "drop", "rate": 1.5}], "rules.0.rate"),
        (
            [{"kind": "drop", "rate": 0.5}, {"kind": "close", "count": 1, "code": 99}],
            "rules.1.code",
        ),
        ([{"kind": "drop", "rate": 0.5, "colour": "red"}], "rules.0.colour"),
    ],
)
def test_a_plan_that_makes_no_sense_names_its_place_and_changes_nothing(plan, field):
    faults = FaultInjector(1, [{"kind": "drop", "every": 1}])
    with pytest.raises(FaultPlanError) as caught:
        faults.set(plan, 0.0)
    assert caught.value.field == field
    assert faults.pick("in", "t", 0.0) is not None


def test_a_kind_that_there_is_none_of_is_told_with_the_one_that_was_meant():
    faults = FaultInjector(1, [])
    with pytest.raises(FaultPlanError, match=r"^no fault of kind 'dorp' \(did you mean drop\?\)$"):
        faults.set([{"kind": "dorp", "rate": 0.1}], 0.0)
    with pytest.raises(FaultPlanError, match=r"^no fault of kind 'xyz'; there are drop, "):
        faults.set([{"kind": "xyz", "rate": 0.1}], 0.0)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kind": "drop", "rate": 0.5, "status": 503}, "drop has no status; it has when"),
        ({"kind": "close", "count": 1, "ms": 5}, "close has no ms; it has code"),
        (
            {"kind": "kick", "count": 1, "code": 1001},
            "kick has no code; it has none of its own",
        ),
        ({"kind": "mute", "count": 1, "path": "/"}, "mute has no path; it has recorded"),
        ({"kind": "slow_token", "count": 1, "how": "rst"}, "has no how; it has ms, path, method"),
    ],
)
def test_a_field_that_the_kind_does_not_read_is_refused_with_those_it_does(rule, told):
    with pytest.raises(FaultPlanError) as caught:
        parse_plan([rule])
    assert str(caught.value).endswith(told)
    assert caught.value.field == f"rules.0.{told.partition(' no ')[2].partition(';')[0]}"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kind": "drop", "rat": 0.5}, "rat is no field of a rule; did you mean rate?"),
        ({"kind": "http_status", "statu": 503, "count": 1}, "did you mean status?"),
        ({"kind": "dorp", "whem": "after", "count": 1}, "did you mean when?"),
        ({"kind": ["drop"], "count": 1}, "string"),
        ({"kind": "drop", "count": 1, "colour": "red"}, "known are kind, rate, every, count, "),
    ],
)
def test_a_field_that_no_kind_has_is_told_with_the_one_that_was_meant(rule, told):
    with pytest.raises(FaultPlanError) as caught:
        parse_plan([rule])
    assert told in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_a_kind_reads_may_be_written_and_sent_again_as_it_is_shown(kind):
    defaults = FaultRule.model_fields
    written = {name: defaults[name].get_default() for name in own_fields(kind)}
    faults = FaultInjector(1, [{"kind": kind, "count": 1, **written}])
    faults.set([one.shown() for one in faults.active], 0.0)
    assert [one.kind for one in faults.rules] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_picked_at_its_occasion_and_only_there(kind):
    occasion = KINDS[kind][0]
    faults = FaultInjector(1, [{"kind": kind, "every": 1}])
    for other in ("in", "out", "upgrade", "rest", "history", "time", "moment"):
        picked = faults.pick(other, "t", 0.0, path="/any" if other == "rest" else "")
        assert (picked is not None) is (other == occasion)
    # a message that waits to be overtaken is counted when it was
    assert faults.injected == ({} if kind == "swap" else {kind: 1})


def test_a_seed_repeats_its_draws():
    plan = {"seed": 5, "rules": [{"kind": "drop", "rate": 0.3}, {"kind": "half_open", "rate": 0.1}]}
    runs = []
    for _ in range(2):
        faults = FaultInjector(0, plan)
        runs.append([getattr(faults.pick("in", "t", 0.0), "kind", None) for _ in range(200)])
    assert runs[0] == runs[1] and set(runs[0]) == {None, "drop", "half_open"}


def test_every_count_token_and_time_span():
    faults = FaultInjector(0, [{"kind": "drop", "every": 3}])
    assert [faults.pick("in", "t", 0.0) is not None for _ in range(6)] == [False, False, True] * 2
    faults.set([{"kind": "drop", "count": 2, "token": "me"}], 0.0)
    assert faults.pick("in", "other", 0.0) is None
    assert [faults.pick("in", "me", 0.0) is not None for _ in range(3)] == [True, True, False]
    faults.set([{"kind": "drop", "every": 1, "after_s": 5, "for_s": 10}], 100.0)
    assert [faults.pick("in", "t", at) is not None for at in (104.9, 105.0, 114.9, 115.0)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_path_limits_a_rest_fault():
    faults = FaultInjector(0, [{"kind": "http_status", "every": 1, "path": "/api/v2/webmessaging"}])
    assert faults.pick("rest", "", 0.0, path="/oauth/token") is None
    assert faults.pick("rest", "", 0.0, path="/api/v2/webmessaging/messages") is not None


def test_a_count_beside_a_share_is_the_most_and_once_per_session_spreads_it():
    faults = FaultInjector(0, [{"kind": "drop", "every": 3, "count": 2}])
    picked = [faults.pick("in", "t", 0.0) is not None for _ in range(12)]
    assert picked == [False, False, True] * 2 + [False] * 6
    faults.set([{"kind": "drop", "count": 2, "once_per_session": True}], 0.0)
    assert [faults.pick("in", token, 0.0) is not None for token in "aabbcc"] == [
        True,
        False,
        True,
        False,
        False,
        False,
    ]


def test_a_plan_of_the_settings_counts_its_time_from_the_start():
    faults = FaultInjector(0, [{"kind": "drop", "every": 1, "after_s": 5}])
    faults.begin(1000.0)
    assert [faults.pick("in", "t", at) is not None for at in (1004.0, 1005.0)] == [False, True]
