"""Injection: what is sent, and what came back (INJ-1 … INJ-4)."""

from __future__ import annotations

import pytest

from guestd.model.times import iso_of_ms
from guestd.operations.injection import dated
from guestd.operations.verification import InjectionMismatch, messages_of, verify

from .conftest import CONVERSATION, REQUESTS, World, do, fault, refusal


def message(n, **more):
    return {"id": f"msg-{n}", "timestamp": f"2026-01-01T00:00:{n:02d}.000Z", **more}


def test_inj_4_ids_count_and_do_not_spell():
    assert verify(3, [message(9), message(10), message(11)]) == "msg-11"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([message(1)], "2 messages were sent, 1 came back"),
        ([message(1), message(2), message(3)], "2 messages were sent, 3 came back"),
        ([message(1), message(1, id="msg-2")], r"messages\[1\] is not later"),
        ([message(2), message(1)], r"messages\[1\] is not later"),
        ([message(10), message(11, id="msg-9")], r"messages\[1\] has an id that does not follow"),
        ([message(1), message(2, id="msg-1")], r"messages\[1\] has an id that does not follow"),
        ([message(1), {"id": "msg-2"}], r"messages\[1\] has no readable timestamp"),
        ([message(1), message(2, timestamp="2026-01-01T00:00:02")], "without a time zone"),
        ([message(1), message(2, id=7)], r"messages\[1\] has no id"),
        ([message(1), "no"], r"messages\[1\] has no id"),
        (
            [message(1), message(2, media=[{"url": "https://x/y"}])],
            r"messages\[1\] has a medium without a name",
        ),
        (
            [message(1), message(2, media=[{"name": "a", "url": "http://x/y"}])],
            "without an https address",
        ),
        ([message(1, media="no"), message(2)], r"messages\[0\]\.media must be a list"),
    ],
)
def test_inj_4_each_violation_is_found_and_its_index_named(messages, words):
    with pytest.raises(InjectionMismatch, match=words):
        verify(2, messages_of({"messages": messages}))


def test_inj_4_good_media_pass():
    assert verify(1, [message(1, media=[{"name": "a.png", "url": "https://x/a.png"}])]) == "msg-1"


def test_inj_4_what_came_back_wrong_is_uncertain_since_it_is_there(world):
    world.twin.answers["interaction.inject"] = {"messages": [message(2), message(1)]}
    view = do(world, "injection")
    assert (view.status, view.problem["code"]) == ("uncertain", "unverified")
    assert "were injected" in view.problem["message"]
    assert world.told()[-1] == ("injection.completed", "uncertain")
    assert len([call for call in world.twin.calls if call.name == "interaction.inject"]) == 1


def injects(world: World) -> list:
    return [call for call in world.twin.calls if call.name == "interaction.inject"]


def text(content: str, **more) -> dict:
    return {"type": "text", "from": "agent", "text": content, **more}


def test_inj_1_messages_go_out_as_given_in_the_order_of_the_list(world):
    early, late = "2020-01-31T12:00:00.002+01:00", "2099-01-01T00:00:00Z"
    messages = [
        text("a" * 4096),
        text("first", timestamp=early),
        {"type": "html", "from": "customer", "html": "<b>now</b>"},
        {"type": "text", "from": "bot", "text": "late", "timestamp": late},
        {"type": "text", "from": "system", "text": "last"},
    ]
    view = do(world, "injection", request={"interactionId": CONVERSATION, "messages": messages})
    asked = iso_of_ms(view.started_ms)
    times = ["2020-01-31T11:00:00.001Z", "2020-01-31T11:00:00.002Z", asked]
    times += ["2099-01-01T00:00:00.000Z", "2099-01-01T00:00:00.001Z"]
    sent = [{**one, "timestamp": at} for one, at in zip(messages, times, strict=True)]
    assert injects(world)[0].body == {"interactionId": CONVERSATION, "messages": sent}


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ([], "messages: must not be empty; give at least one"),
        (
            [text("\N{SLIGHTLY SMILING FACE}" * 2049)],
            "messages[0].text: 4098 UTF-16 units; at most 4096",
        ),
        ([text("fine"), text("")], "messages[1].text: must not be empty"),
        (
            [text("fine"), {"type": "html", "from": "bot", "text": "no"}],
            "messages[1]: has the type html",
        ),
        (
            [text("fine"), text("no", html="<b>")],
            "messages[1]: has the type text, but also html",
        ),
        ([text("fine"), {**text("no"), "from": "ghost"}], "messages[1].from: must be one of"),
        (
            [text("a", timestamp="2026-01-01T00:00:00Z")] * 2,
            "messages[1].timestamp: must be later",
        ),
        (
            [
                text("a", timestamp="2026-01-01T00:00:00Z"),
                text("b"),
                text("c", timestamp="2026-01-01T00:00:00.001Z"),
            ],
            "messages[2].timestamp: leaves 1 ms for the 1 messages before it that have none",
        ),
        (
            [text("a", timestamp="9999-12-31T23:59:59Z")],
            "messages[0].timestamp: must be between 1970 and 9999",
        ),
    ],
)
def test_inj_1_what_is_wrong_is_named_with_its_index(world, wrong, complaint):
    assert refusal(world, "injection", {"interactionId": CONVERSATION, "messages": wrong})[
        1
    ].startswith(complaint)


def test_inj_1_times_keep_the_order_wherever_they_are_missing():
    """Every way to leave out times of five messages, around three moments of asking."""
    given = [1_000, 1_004, 1_010, 2_000, 2_001]
    for mask in range(1 << len(given)):
        wanted = [at if mask >> n & 1 else None for n, at in enumerate(given)]
        messages = [
            text("x") if at is None else text("x", timestamp=iso_of_ms(at)) for at in wanted
        ]
        for started_ms in (0, 1_500, 9_000):
            times = [one["timestamp"] for one in dated(messages, started_ms)]
            assert sorted(set(times)) == times, (mask, started_ms)
            assert all(
                at is None or found == iso_of_ms(at)
                for at, found in zip(wanted, times, strict=True)
            )


def test_inj_2_only_an_active_or_queued_interaction_is_injected_into(world):
    found = {}
    for state in ("active", "queued", "QUEUED", "ended", "disconnected", "archived"):
        world.twin.interaction_state = state
        before = len(injects(world))
        view = do(world, "injection", f"into-{state}")
        problem = view.problem or {}
        found[state] = (
            view.status,
            problem.get("code"),
            problem.get("field"),
            len(injects(world)) - before,
        )
    done, refused = ("succeeded", None, None, 1), ("failed", "conflict", "interactionId", 0)
    assert found == {
        **dict.fromkeys(("active", "queued", "QUEUED"), done),
        **dict.fromkeys(("ended", "disconnected", "archived"), refused),
    }


def test_inj_3_all_of_them_in_one_post_once_for_one_id(world):
    world.twin.faults["interaction.inject"] = [fault(503, before=False)]
    first = do(world, "injection", "i1")
    again = do(world, "injection", "i1")
    other = {**REQUESTS["injection"], "interactionId": "another"}
    assert (again, refusal(world, "injection", other, "i1")[0]) == (first, "conflict")
    posted = [(call.key, [one["from"] for one in call.body["messages"]]) for call in injects(world)]
    assert posted == [("i1-injection", ["agent", "bot"])] * 2, (
        "once more after the lost answer, with the same key"
    )


def test_inj_4_what_came_back_is_checked(world):
    ids = [{"id": f"msg-{n}", "timestamp": f"2026-01-01T00:00:{n:02d}Z"} for n in (9, 10)]
    medium = {"name": "a.png", "url": "https://files.example.org/a.png"}
    answers = {
        "in order": ids,
        "with media": [ids[0], {**ids[1], "media": [medium]}],
        "one is missing": ids[:1],
        "same time": [ids[0], {**ids[1], "timestamp": ids[0]["timestamp"]}],
        "ids fall": [{**ids[0], "id": "msg-10"}, {**ids[1], "id": "msg-9"}],
        "no name": [ids[0], {**ids[1], "media": [{"url": medium["url"]}]}],
        "no https": [
            ids[0],
            {**ids[1], "media": [{**medium, "url": "http://files.example.org/a.png"}]},
        ],
        "no list": None,
    }
    found = {}
    for name, messages in answers.items():
        world.twin.answers["interaction.inject"] = (
            {} if messages is None else {"messages": messages}
        )
        view = do(world, "injection", name.replace(" ", "-"))
        told = view.result
        problem = (view.problem or {}).get("code")
        found[name] = (
            problem,
            told.get("last_message_id"),
            told["verified"],
            told["sequence_match"],
        )
    good, bad = (None, "msg-10", True, True), ("unverified", None, False, True)
    assert found == {
        "in order": good,
        "with media": good,
        "one is missing": ("unverified", None, False, False),
        "same time": bad,
        "ids fall": bad,
        "no name": bad,
        "no https": bad,
        "no list": ("unverified", None, False, False),
    }


def test_http_2_the_key_stands_in_the_body_too_where_asked(world):
    do(world, "injection", "i1")
    do(world, "injection", "i2", injection_key_in_body=True)
    assert [call.body.get("idempotencyKey") for call in injects(world)] == [None, "i2-injection"]
