"""Each step of a file becomes the step it says, and what is wrong with it is told."""

from __future__ import annotations

import pytest

from guestd.load.scenario.reading import STEPS_MAX
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
from tests.unit.load.scenario.reading_helpers import problems, read, step, step_problems, steps

AT = Place("f.yml", 3)
FILES = {"photo.png": b"x"}


def made(kind, label, **fields):
    return kind(place=AT, label=label, **fields)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- say: hi", made(SayStep, 'says "hi"', text="hi")),
        ("- say: Yes", made(SayStep, 'says "Yes"', text="Yes")),
        (
            "- say: {text: hi, attributes: {a: 1}}",
            made(SayStep, 'says "hi"', text="hi", attributes={"a": "1"}),
        ),
        ("- {say: hi, name: greets}", made(SayStep, "greets", text="hi")),
        (
            "- waitForReplyContaining: parcel",
            made(ExpectReply, 'waits for "parcel"', containing="parcel"),
        ),
        (
            "- {waitForReplyMatching: '[0-9]+', within: 5s}",
            made(ExpectReply, 'waits for a match of "[0-9]+"', matching="[0-9]+", within_s=5.0),
        ),
        ("- expect", made(ExpectReply, "waits for a reply")),
        ("- expect: parcel", made(ExpectReply, 'waits for "parcel"', containing="parcel")),
        (
            "- expect: {structure: card, from: bot, within: 250ms, capture: {n: '(x)'}}",
            made(
                ExpectReply,
                "waits for a card of a bot",
                structure="card",
                sender="bot",
                within_s=0.25,
                capture={"n": "(x)"},
            ),
        ),
        (
            r"- expect: {containing: a, matching: '(?<n>b)\k<n>', from: any}",
            made(
                ExpectReply,
                r'waits for "a" and a match of "(?P<n>b)(?P=n)"',
                containing="a",
                matching="(?P<n>b)(?P=n)",
            ),
        ),
        ("- type: 3s", made(TypeFor, "types for 3s", time=Spread("fixed", 3.0, 3.0))),
        ("- think: 2", made(Think, "thinks for 2s", time=Spread("fixed", 2.0, 2.0))),
        (
            "- think: 2s..5s",
            made(Think, "thinks for 2s to 5s", time=Spread("uniform", 2.0, 5.0)),
        ),
        (
            "- think: {normal: 4s, deviation: 1s, min: 1s, max: 1m}",
            made(Think, "thinks for about 4s", time=Spread("normal", 1.0, 60.0, 4.0, 1.0)),
        ),
        (
            "- think: {exponential: 3s}",
            made(Think, "thinks for about 3s", time=Spread("exponential", mean_s=3.0)),
        ),
        ("- idle: 1m30s", made(Think, "thinks for 1m30s", time=Spread("fixed", 90.0, 90.0))),
        ("- choose: Yes", made(Choose, 'picks "Yes"', text="Yes")),
        (
            "- choose: {number: 2, within: 1s}",
            made(Choose, "picks number 2", number=2, within_s=1.0),
        ),
        ("- attach: photo.png", made(AttachFile, "attaches photo.png", path="photo.png")),
        (
            "- attach: {size: 200kB, type: image/png, name: a.png, caption: c, within: 2m}",
            made(
                AttachFile,
                "attaches a.png of 200000 bytes",
                size_bytes=200_000,
                content_type="image/png",
                filename="a.png",
                caption="c",
                within_s=120.0,
            ),
        ),
        ("- attributes: {a: 1, b: true}", made(SetAttributes, "sets a, b", values={"a": "1", "b": "true"})),
        ("- waitForJoin: human", made(ExpectJoin, "waits for a human to join", who="human")),
        (
            "- {waitForJoin: any, within: 30s}",
            made(ExpectJoin, "waits for anyone to join", who="", within_s=30.0),
        ),
        (
            "- waitForDisconnect",
            made(ExpectDisconnect, "waits for the platform to end the conversation"),
        ),
        (
            "- waitForDisconnect: {within: 1m}",
            made(ExpectDisconnect, "waits for the platform to end the conversation", within_s=60.0),
        ),
        ("- drop", made(DropConnection, "loses the connection")),
        ("- drop: close", made(DropConnection, "closes the connection", how="close")),
        (
            "- drop: {how: abort, within: 5s}",
            made(DropConnection, "loses the connection", within_s=5.0),
        ),
        ("- end", made(EndConversation, "ends the conversation")),
        ("- end:", made(EndConversation, "ends the conversation")),
        (
            "- repeat: {times: 3, for: 1m, every: 2s, steps: [end]}",
            made(
                Repeat,
                "repeats 3 times, for 1m, every 2s",
                times=3,
                for_s=60.0,
                every_s=2.0,
                steps=(made(EndConversation, "ends the conversation"),),
            ),
        ),
    ],
)  # fmt: skip
def test_a_step_becomes_what_it_says(text, wanted):
    assert step(text, FILES) == wanted


def test_a_persona_has_a_model_and_its_phrases():
    file = read("""
        ai: {model: small}
        scenarios:
          One:
            - persona: {persona: You are Ana., goal: A refund., pass: [DONE], turns: 5}
            - persona: {persona: You are Tom.}
    """)
    first, second = file.scenarios[0].steps
    assert first == TalkAsPersona(
        place=Place("f.yml", 5),
        label='talks as "A refund."',
        persona="You are Ana.",
        goal="A refund.",
        turns_max=5,
        terms=(("DONE",), ("FAIL",)),
    )
    assert (second.terms, second.reply_within_s) == ((("PASS",), ("FAIL",)), 30.0)


def test_the_command_line_says_how_long_where_the_file_does_not():
    text = "scenarios:\n  One:\n    - expect: a\n    - {expect: b, within: 1s}\n    - choose: c\n    - drop\n"
    (one,) = read(text, reply_within_s=3.0).scenarios
    assert [each.within_s for each in one.steps] == [3.0, 1.0, 3.0, 60.0]


def test_long_texts_are_shortened_in_labels():
    assert step(f"- say: {'word ' * 20}").label == f'says "{"word " * 9}wo…"'


STEPS = "steps: say, waitForReplyContaining, "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- sya: hi", "3 [0].sya: is not a known step; did you mean say?"),
        ("- waitforreplycontaining: x", "3 [0].waitforreplycontaining: is not a known step; did you mean waitForReplyContaining?"),
        ("- zzz: hi", f"3 [0].zzz: is not a known step; {STEPS}"),
        ("- dorp", "3 [0]: is not a step; did you mean drop?"),
        ("- say", "3 [0]: say has no value; write say: Where is my parcel ${order}?"),
        ("- name: x", f"3 [0]: has no step; {STEPS}"),
        ("- say: a\n  waitForReplyContaining: b", "3 [0]: is several steps: say and waitForReplyContaining; begin each with a dash"),
        ("- say: 12", '3 [0].say: must be a text, and is 12; put it in quotes: "12"'),
        ("- say: true", '3 [0].say: must be a text, and is true; put it in quotes: "true"'),
        ("- say:", "3 [0].say: must be a text, and is empty"),
        ("- say: ''", "3 [0].say: is empty; write a text"),
        ("- say: [a]", "3 [0].say: must be a text, and is a list"),
        ("- {say: a, within: 3s}", "3 [0].within: is not a key beside say; known: name"),
        ("- {say: a, nmae: b}", "3 [0].nmae: is not a key beside say; did you mean name?"),
        ("- [say]", "3 [0]: must be a step such as `say: hi`, and is a list; write one key with its value"),
        ("- expect: {continaing: a}", "3 [0].expect.continaing: is not a known key; did you mean containing?"),
        ("- expect: {structure: crad}", "3 [0].expect.structure: must be quick_replies, card, carousel, list_picker, date_picker, form or file, and is 'crad'; did you mean card?"),
        ("- expect: {matching: '('}", "3 [0].expect.matching: is no regular expression: missing ), unterminated subpattern at position 0; see docs.python.org/3/library/re.html"),
        ("- expect: {capture: {a: x}}", r"3 [0].expect.capture.a: has no group; put what is to be kept in brackets: order (\d+)"),
        ("- expect: {capture: {a-b: (x)}}", "3 [0].expect.capture.a-b: must be a name of letters, digits and _, and is 'a-b'; change it"),
        ("- {expect: {within: 1s}, within: 2s}", "3 [0].within: stands twice; remove one of them"),
        ("- think: 2x", "3 [0].think: must be a time such as 2s, a range such as 2s..5s, or a distribution, and is '2x'; write 30s, 2s..5s or {normal: 4s, deviation: 1s}"),
        ("- think: 5s..2s", "3 [0].think: begins above its end; write 2s..5s"),
        ("- think: {normal: 1s}", "3 [0].think.deviation: is missing; write how far it strays, as in 1s"),
        ("- think: {normal: 1s, exponential: 1s}", "3 [0].think: must have one of normal, lognormal and exponential; write one"),
        ("- think: {exponential: 1s, deviation: 1s}", "3 [0].think.deviation: is not of an exponential time; leave it out: it follows from the mean"),
        ("- think: {exponential: 3s, min: 5s, max: 1s}", "3 [0].think.min: is above max; exchange them"),
        ("- think: {exponential: 0s}", "3 [0].think.exponential: is no time at all; write a duration above 0"),
        ("- choose: {}", "3 [0].choose: must have one of text and number; write one of them"),
        ("- choose: 2", '3 [0].choose: must be a text, and is 2; put it in quotes: "2"'),
        ("- choose: {number: 0}", "3 [0].choose.number: must be a number, and is 0; 1 or more, at most 1000"),
        ("- attach: nowhere.png", "3 [0].attach: cannot be read: No such file or directory; paths begin at this file's directory"),
        ("- attach: {size: 60MB}", "3 [0].attach.size: must be a size such as 200kB or 2MB, at most 50MB, and is '60MB'; write another size"),
        ("- attach: {name: x}", "3 [0].attach: must have one of path and size; write one of them"),
        ("- waitForJoin: robot", "3 [0].waitForJoin: must be bot, human or any, and is 'robot'; did you mean bot?"),
        ("- drop: cut", "3 [0].drop: must be abort or close, and is 'cut'; write one: abort, close"),
        ("- waitForDisconnect: 5s", "3 [0].waitForDisconnect: must be nothing, or {within: 30s}, and is '5s'"),
        ("- end: now", "3 [0].end: must be nothing, and is 'now'"),
        ("- end\n- say: a", "4 [1]: comes after the end of the conversation; remove it, or `end` before it"),
        ("- repeat: {steps: [end]}", "3 [0].repeat: does not say how often; add times, for or every"),
        ("- repeat: {times: 2}", "3 [0].repeat.steps: is missing; write a list of steps"),
        ("- repeat: {times: 2, steps: []}", "3 [0].repeat.steps: has no steps; write one, or remove it"),
        ("- repeat: {for: 5s, steps: [say: a, think: 0s]}", "3 [0].repeat: repeats without a pause; add `every: 1s`, or a step that waits"),
        ("- persona: {persona: x}", "3 [0].persona: needs a language model; add `ai: {model: …}`"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step_is_told_with_line_key_and_remedy(text, told):
    (one,) = step_problems(text)
    assert one.startswith(told), one


def test_a_loop_that_waits_may_have_no_end():
    assert step("- repeat: {every: 1s, steps: [say: a]}").times == 0
    assert step("- repeat: {for: 5s, steps: [{repeat: {times: 1, steps: [expect]}}]}").for_s == 5.0


def test_there_is_a_bound_of_steps():
    text = "scenarios:\n  One:\n" + "    - drop\n" * (STEPS_MAX + 5)
    assert problems(text) == [
        f"{STEPS_MAX + 3} scenarios.One[{STEPS_MAX}]: is step {STEPS_MAX + 1} of the file;"
        " say it by `repeat` and `data`"
    ]


def test_steps_know_their_lines():
    found = steps("- say: a\n\n- repeat:\n    times: 2\n    steps:\n      - say: b\n- say: c")
    assert [one.place.line for one in found] == [3, 5, 9]
    assert found[1].steps[0].place.line == 8
