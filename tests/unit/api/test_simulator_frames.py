"""What a frontend may write into a frame that is passed on: nothing that could not be written out
again."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.api.frames import UploadFrame, command_id_of, error_frame, parse
from guestd.model.errors import CommandError


def nested(levels):
    """An object so many levels deep, lists and objects by turns."""
    value = "the bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return {"data": value}


def context(data):
    return parse(
        json.dumps({"action": "context", "data": data, "command_id": "c1"}), lambda: "drawn"
    ).command


def test_sim_1_a_context_of_64_levels_is_taken():
    data = nested(63)
    assert context(data).context == data


@pytest.mark.parametrize("levels", [64, 65, 253, 254, 300, 900])
def test_sim_1_a_context_nested_deeper_is_refused_with_its_field(levels):
    with pytest.raises(CommandError, match="nested deeper than 64 levels") as refused:
        context(nested(levels))
    assert (refused.value.field, refused.value.code) == ("data", "invalid")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"\\ud800": 1}', "surrogate"),
        ('{"a": [{"b": "\\udfff"}]}', "surrogate"),
        (f'{{"a": {10**30}}}', "64-bit"),
        (f'{{"a": [-{10**20}]}}', "64-bit"),
    ],
)
def test_sim_1_a_context_that_cannot_be_written_out_again_is_refused(text, what):
    with pytest.raises(CommandError, match=what) as refused:
        parse(f'{{"action": "context", "data": {text}}}', lambda: "drawn")
    assert refused.value.field == "data"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_sim_1_what_is_no_number_is_no_json(word):
    with pytest.raises(CommandError, match=f"{word} is not a JSON number") as refused:
        parse(f'{{"action": "context", "data": {{"a": [{word}]}}}}', lambda: "drawn")
    assert refused.value.code == "bad_json"


def test_sim_1_what_is_taken_can_be_written():
    data = {"a": [1, -(2**63), 2**64 - 1, 0.5, None, True, "😀", {"b": {}}], "c": []}
    assert orjson.loads(orjson.dumps(context(data).context)) == data


# ------------------------------------------------------------------ what cannot be written is
# refused, in every field

HALF = "\ud800"

FRAMES = {
    "send": {"action": "send", "text": "hello"},
    "context": {"action": "context", "data": {"a": "b"}},
    "upload": {
        "action": "upload",
        "filename": "a.png",
        "contentType": "image/png",
        "buffer": "AAAA",
        "caption": "c",
    },
    "withdraw": {"action": "withdraw", "target": "c0"},
    "link": {"action": "link", "attachment_id": "a1"},
    "reply": {
        "action": "reply",
        "type": "QuickReply",
        "text": "yes",
        "payload": "y",
        "in_reply_to": "m1",
    },
    "typing": {"action": "typing"},
    "end": {"action": "end"},
    "resume": {"action": "resume", "since": 3},
}

WRONG = [
    None, True, False, 0, 1, -1, 7, 1.5, -0.0, 10**19, 2**64, -(2**63) - 1, 10**400, "", "²", "١٢", "é", "x" * 200, "\x00",
    HALF, f"text {HALF} more", [], [1], [True], [256], [-1], [10**30], {}, {"a": HALF}, {HALF: 1}, {"a": 2**64}, [[[]]],
    {"type": "Buffer"}, {"type": "Buffer", "data": [True]}, {"type": "Buffer", "data": ["²"]},
    {"type": "Buffer", "data": [10**30]}, {"type": "Buffer", "data": [256]}, {"type": "Buffer", "data": "é"},
]  # fmt: skip


def wrong_frames(action):
    frame = FRAMES[action]
    for key in [*frame, "command_id", "unknown", "since", "in_reply_to"]:
        for value in WRONG:
            yield frame | {key: value}


def asked_or_refused(text):
    """What the simulator makes of a frame: a command, or the error frame it answers."""
    try:
        asked = parse(text, lambda: "drawn")
    except CommandError as error:
        answer = error_frame(error, command_id_of(text))
        assert set(answer) >= {"error", "code"} and orjson.dumps(answer)
        return None
    return asked.command


@pytest.mark.parametrize("action", FRAMES)
def test_sim_2_a_wrong_value_is_answered_and_what_is_taken_can_be_written(action):
    for frame in wrong_frames(action):
        text = json.dumps(frame)
        command = asked_or_refused(text)
        if command is None:
            with pytest.raises(CommandError) as refused:
                parse(text, lambda: "drawn")
            assert refused.value.field or refused.value.code == "bad_json", frame
        elif not isinstance(command, UploadFrame):
            assert orjson.dumps(command), frame


@pytest.mark.parametrize("action", FRAMES)
def test_half_a_surrogate_pair_is_refused_in_every_field_by_name(action):
    for key in [*FRAMES[action], "command_id"]:
        if key in ("action", "buffer", "since"):
            continue
        text = json.dumps(FRAMES[action] | {key: {"a": HALF} if key == "data" else f"cut {HALF}"})
        with pytest.raises(CommandError, match="half a surrogate pair") as refused:
            parse(text, lambda: "drawn")
        assert refused.value.field == key
        assert orjson.dumps(error_frame(refused.value, command_id_of(text)))


@pytest.mark.parametrize(
    "since", ["²", "١", "1.0", 1.0, True, -1, 2**53, 10**17, "99999999999999999", "", " 1", None]
)
def test_a_since_that_is_not_a_seq_is_refused_with_its_field(since):
    with pytest.raises(CommandError, match="since must be the last seq you have") as refused:
        parse(json.dumps({"action": "resume", "since": since}), lambda: "drawn")
    assert refused.value.field == "since"


@pytest.mark.parametrize(
    "buffer", ["é", "AAA", "A A A A", {"type": "Buffer", "data": [True]}, 7, None, [1]]
)
def test_a_buffer_that_is_not_base64_or_bytes_is_refused_with_its_field(buffer):
    with pytest.raises(CommandError) as refused:
        parse(json.dumps(FRAMES["upload"] | {"buffer": buffer}), lambda: "drawn")
    assert refused.value.field == "buffer"


def test_a_number_too_large_for_a_double_is_refused_and_does_not_become_null():
    with pytest.raises(CommandError, match="beyond the range of a double") as refused:
        parse('{"action": "context", "data": {"a": 1e400}}', lambda: "drawn")
    assert refused.value.field == "data"


def test_integers_of_64_bits_pass_unchanged():
    data = {"most": 2**64 - 1, "least": -(2**63)}
    assert context(data).context == data


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())  # surrogates included
    | st.sampled_from(["²", "é", HALF, "AAAA", "Buffer", *FRAMES]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = [
    "action",
    "command_id",
    "unknown",
    *sorted({key for frame in FRAMES.values() for key in frame}),
]


@given(
    action=st.sampled_from(sorted(FRAMES)),
    changed=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
)
def test_any_frame_is_understood_or_refused_and_never_breaks(action, changed):
    command = asked_or_refused(json.dumps(FRAMES[action] | changed))
    if command is not None and not isinstance(command, UploadFrame):
        assert orjson.dumps(command)


@given(st.text(st.characters()))
def test_any_text_is_a_frame_or_refused(text):
    asked_or_refused(text)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"action": "send", "txt": "hi"}, "'txt' is unknown .* action send; did you mean text?"),
        ({"action": "send", "text": "hi", "commandId": "c"}, "did you mean command_id?"),
        ({"action": "typing", "duration": 3}, "known: action, command_id"),
        ({"action": "context", "data": {}, "when_down": "queue"}, "'when_down' is unknown"),
        ({"action": "upload", "content_type": "a/b"}, "did you mean contentType?"),
    ],
)
def test_a_field_that_a_frame_does_not_have_is_refused_by_name(frame, said):
    with pytest.raises(CommandError, match=said.replace("?", "[?]")) as refused:
        parse(json.dumps(frame), lambda: "drawn", "queue")
    assert refused.value.code == "invalid" and refused.value.field in frame


@pytest.mark.parametrize("action", ["typing", "end"])
def test_what_the_address_says_of_messages_is_no_field_of_other_frames(action):
    assert parse(json.dumps({"action": action}), lambda: "drawn", "queue").command_id == "drawn"
