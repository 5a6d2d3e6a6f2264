"""What is written is read again as the same."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent, indent

from hypothesis import given
from hypothesis import strategies as st

from guestd.load.scenario.labels import label_of
from guestd.load.scenario.steps import (
    AttachFile,
    Choose,
    DropConnection,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    ExpectReply,
    Place,
    Repeat,
    SayStep,
    SetAttributes,
    Spread,
    TalkAsPersona,
    Think,
    TypeFor,
)
from guestd.load.scenario.templates import literal
from guestd.load.scenario.writer import scalar, to_yaml, write_steps
from guestd.load.scenario.yaml_tree import yaml_tree
from tests.unit.load.scenario.reading_helpers import read

NOWHERE = Place("f.yml", 0)


def made(kind, /, **fields):
    """A step with the label that it has by itself, or with a name."""

    def labelled(values):
        name = values.pop("name")
        step = kind(place=NOWHERE, label="", **values)
        return replace(step, label=name or label_of(step))

    names = st.none() | characters(min_size=1)
    return st.fixed_dictionaries({**fields, "name": names}).map(labelled)


def characters(**bounds):
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=20, **bounds)


texts = characters(min_size=1).map(literal)
maybe = characters().map(literal)
values = st.dictionaries(characters(min_size=1), maybe, max_size=3)
times = st.integers(1, 10**7).map(lambda ms: ms / 1000)
patterns = st.sampled_from(["[0-9]+", "^a$", r"\w", "(?P<n>x)(?P=n)", "a: b # c"])
captures = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.sampled_from(["(x)", r"n ([0-9]+)"]),
    max_size=2,
)
spreads = st.one_of(
    times.map(lambda time: Spread("fixed", time, time)),
    st.tuples(times, times).map(lambda two: Spread("uniform", min(two), max(two))),
    st.tuples(times, times).map(lambda two: Spread("normal", 0.0, float("inf"), *two)),
    st.tuples(times, times).map(lambda two: Spread("lognormal", 0.5, 10_000.0, *two)),
    times.map(lambda time: Spread("exponential", mean_s=time)),
)
structures = st.sampled_from(["", "quick_replies", "card", "date_picker", "file"])
senders = st.sampled_from(["", "bot", "human"])
simple = st.one_of(
    made(SayStep, text=texts, attributes=st.none() | values),
    made(TypeFor, time=spreads),
    made(Think, time=spreads),
    made(ExpectReply, containing=maybe, matching=st.just("") | patterns, structure=structures,
         sender=senders, within_s=times, capture=captures),
    made(ExpectReply, containing=texts),
    made(ExpectReply, matching=patterns),
    made(Choose, text=texts, within_s=times),
    made(Choose, number=st.integers(1, 1000)),
    made(AttachFile, path=st.just("a.png"), caption=maybe, within_s=times),
    made(AttachFile, size_bytes=st.integers(1, 50_000_000), content_type=st.just("image/png"),
         filename=texts),
    made(SetAttributes, values=values),
    made(ExpectJoin, who=senders, within_s=times),
    made(ExpectDisconnect, within_s=times),
    made(DropConnection, how=st.sampled_from(["abort", "close"]), within_s=times),
    made(TalkAsPersona, persona=texts, goal=maybe, turns_max=st.integers(1, 1000),
         reply_within_s=times,
         terms=st.tuples(*[st.lists(characters(min_size=1), min_size=1, max_size=3).map(tuple)] * 2)),
)  # fmt: skip
loops = made(
    Repeat,
    steps=st.lists(simple, min_size=1, max_size=3).map(tuple),
    times=st.integers(1, 1000),
    for_s=st.just(0.0) | times,
    every_s=times,
)
conversations = (
    st.tuples(
        st.lists(simple | loops, max_size=6),
        st.just([]) | made(EndConversation).map(lambda one: [one]),
    )
    .map(lambda parts: [*parts[0], *parts[1]])
    .filter(bool)
)


def without_lines(steps):
    return [
        replace(one, place=NOWHERE, steps=tuple(without_lines(one.steps)))
        if isinstance(one, Repeat)
        else replace(one, place=NOWHERE)
        for one in steps
    ]


@given(conversations)
def test_steps_that_are_written_are_read_as_the_same(steps):
    text = "ai: {model: m}\nscenarios:\n  A:\n" + indent(write_steps(steps), "    ")
    (one,) = read(text, {"a.png": b"x"}).scenarios
    assert without_lines(one.steps) == steps


def value(node):
    return node.text, node.kind


@given(
    characters() | st.sampled_from(["yes", "null", "12", "1e3", "a: b", "a #b", "- a", "~", "a, b"])
)
def test_a_text_stays_the_same_text(text):
    node, _ = yaml_tree(f"a: {scalar(text)}".encode(), "f.yml")
    assert value(node.entries[0][1]) == (text, "text")
    node, _ = yaml_tree(f"- {scalar(text)}: 1".encode(), "f.yml")
    assert value(node.items[0].entries[0][0]) == (text, "text")


FULL = """\
    name: Parcels
    config: {deploymentId: d-1, region: mypurecloud.de}
    ai: {model: m, url: "http://127.0.0.1:1/v1", temperature: 0.5, parameters: {seed: 7}}
    load: %s
    thresholds: [lost == 0, {expression: echo_latency.p99 < 500ms, abortOnFail: true, delayAbortEval: 10s}]
    rails: {deployments: [d-1], window: Mon-Fri 20:00-23:00, throttledShare: 1%%, stopFile: /tmp/stop}
    scenarios:
      One:
        weight: 2
        timeout: 2m
        data: [{order: 17}, {order: A}]
        guest: {name: "G ${order}", metadata: {m: [1, {x: 1.5}]}, authenticated: true}
        steps: [say: "${order}"]
      Two: [end]
      Three: [{persona: {persona: p}}]
    """
LOADS = [
    "{}",
    "{users: 3, spawnRate: 2}",
    "{users: 3, runTime: 5m, gracefulStop: 0s, connectsPerSecond: 5}",
    "{stages: ['30s:100', '1m:0']}",
    "{users: 5, stages: ['30s:100']}",
    "{arrivalRate: 2.5, runTime: 1m}",
    "{arrivalRate: 0, stages: ['1m:5']}",
    "{arrivalRate: 1, stages: ['1m:5', '1m:5']}",
]


def without_places(file):
    scenarios = tuple(
        replace(one, place=NOWHERE, steps=tuple(without_lines(one.steps))) for one in file.scenarios
    )
    rules = tuple(replace(one, place=None) for one in file.thresholds)
    return replace(file, sha256="", scenarios=scenarios, thresholds=rules)


def test_files_that_are_written_are_read_as_the_same():
    for load in LOADS:
        file = read(FULL % load)
        assert without_places(read(to_yaml(file))) == without_places(file), load


def test_what_is_written_reads_well():
    steps = (
        read(
            "scenarios: {A: [say: 'Hi, there', waitForReplyContaining: parcel, {drop: close, name: x}, end]}"
        )
        .scenarios[0]
        .steps
    )
    assert write_steps(steps) == dedent("""\
        - say: "Hi, there"
        - waitForReplyContaining: parcel
        - drop: close
          name: x
        - end
    """)
