"""Who the guest of a new session is, as a frontend gives it: by the address, by the first frame, or
not at all (SIM-4)."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed

from .frontend_client import frame, live, open_frontend
from .operations_daemon import running_daemon


def connects(stack):
    """The connect frames that the platform received."""
    return [json.loads(one["text"]) for one in stack.emulator.journal if '"connect"' in one["text"]]


async def test_sock_1_a_frontend_gives_name_email_and_metadata(new_stack):
    async with new_stack(dialect="webchat") as stack:
        address = f"?guest=ana&name={quote('Ana Müller')}&email=ana@example.org&details=first_frame"
        async with open_frontend(stack, address) as frontend:
            await frontend.send(
                json.dumps({"action": "guest", "metadata": {"sessionId": "sim-001"}})
            )
            await live(frontend)
            assert connects(stack) == [
                {
                    "type": "connect",
                    "guestInfo": {"name": "Ana Müller", "email": "ana@example.org"},
                    "metadata": {"sessionId": "sim-001"},
                }
            ]


async def test_the_first_frame_counts_more_than_the_address(new_stack):
    async with new_stack(dialect="webchat") as stack:
        async with open_frontend(
            stack, "?guest=ana&name=Ana&email=ana@example.org&details=first_frame"
        ) as frontend:
            await frontend.send('{"action": "guest", "name": "Ann", "email": "ann@example.org"}')
            await live(frontend)
            assert connects(stack)[0]["guestInfo"] == {"name": "Ann", "email": "ann@example.org"}


async def test_a_guest_without_an_email_has_an_address_of_its_own_each_time_the_same(new_stack):
    addresses = []
    for _ in range(2):
        async with new_stack(dialect="webchat") as stack:
            async with (
                open_frontend(stack, "?guest=ana") as ana,
                open_frontend(stack, "?guest=Ana") as other,
            ):
                await live(ana)
                await live(other)
                addresses.append(
                    {one["guestInfo"]["name"]: one["guestInfo"]["email"] for one in connects(stack)}
                )
    assert addresses[0] == addresses[1] and addresses[0]["ana"] != addresses[0]["Ana"]
    assert all(one.endswith("@example.org") for one in addresses[0].values())


async def test_a_second_living_guest_with_the_same_email_is_refused(new_stack):
    async with (
        new_stack(dialect="webchat") as stack,
        open_frontend(stack, "?guest=ana&email=ana@example.org") as ana,
    ):
        await live(ana)
        async with open_frontend(stack, "?guest=bob&email=ANA@example.org") as bob:
            reported = await frame(bob)
            assert (reported["code"], reported["field"]) == ("conflict", "email")
        await ana.send('{"action": "end"}')
        await stack.until(lambda: stack.fleet.find("ana") is None)
        async with open_frontend(stack, "?guest=bob&email=ana@example.org") as bob:
            await live(bob)


async def test_in_webmessaging_an_email_may_be_used_twice(new_stack):
    async with (
        new_stack() as stack,
        open_frontend(stack, "?guest=ana&email=ana@example.org") as ana,
    ):
        await live(ana)
        async with open_frontend(stack, "?guest=bob&email=ana@example.org") as bob:
            await live(bob)


async def test_frontends_without_a_name_never_share_a_guest(new_stack):
    async with new_stack() as stack, open_frontend(stack) as one, open_frontend(stack) as two:
        assert (await frame(one))["guest"] != (await frame(two))["guest"]


@pytest.mark.parametrize(
    ("query", "first", "field"),
    [
        ("?guest=ana&details=later", None, "details"),
        ("?guest=ana&name=" + "x" * 101, None, "name"),
        ("?guest=ana&name=a%0Ab", None, "name"),
        ("?guest=ana&email=" + "x" * 250 + "@a.b", None, "email"),
        ("?guest=ana&email=none", None, "email"),
        ("?guest=ana&details=first_frame", "[]", None),
        ("?guest=ana&details=first_frame", b"{}", None),
        ("?guest=ana&details=first_frame", '{"action": "send", "text": "x"}', "action"),
        ("?guest=ana&details=first_frame", '{"action": "guest", "email": 7}', "email"),
        ("?guest=ana&details=first_frame", '{"action": "guest", "name": ["Ana"]}', "name"),
        ("?guest=ana&details=first_frame", '{"action": "guest", "metadata": []}', "metadata"),
        (
            "?guest=ana&details=first_frame",
            '{"action": "guest", "metadata": {"a": "\\ud800"}}',
            "metadata",
        ),
        ("?guest=ana&details=first_frame", '{"action": "guest", "colour": "red"}', "colour"),
        (
            "?guest=ana&details=first_frame",
            '{"action": "guest", "metadata": {"a": "' + "x" * 9000 + '"}}',
            None,
        ),
    ],
)
async def test_wrong_details_are_told_and_open_nothing(new_stack, query, first, field):
    async with new_stack(dialect="webchat") as stack, open_frontend(stack, query) as frontend:
        if first is not None:
            await frontend.send(first)
        assert (await frame(frontend)).get("field") == field
        with pytest.raises(ConnectionClosed) as closed:
            await frontend.recv()
        assert (closed.value.rcvd.code, stack.fleet.sessions()) == (1008, [])


async def test_a_guest_that_lives_stays_who_it_is(new_stack):
    async with new_stack(dialect="webchat", emulator={"agent": "echo"}) as stack:
        async with open_frontend(stack, "?guest=ana") as first:
            await live(first)
        async with open_frontend(stack, "?guest=ana&details=first_frame") as second:
            await second.send('{"action": "guest", "name": "Ana"}')
            assert (await frame(second))["kind"] == "hello"
            await second.send('{"action": "send", "text": "hello"}')
            assert (await frame(second, kind="message"))["text"] == "hello"
            assert [one["guestInfo"]["name"] for one in connects(stack)] == ["ana"]


async def test_sock_1_no_name_is_invented_for_a_webchat_guest_of_the_control_api():
    """The field that is missing is named, with a key too; the other dialect needs no name."""
    found = []
    for dialect in ("webchat", "webmessaging"):
        async with running_daemon(platform={"dialect": dialect}) as (_, ask):
            for body, key in (
                ({"email": "a@example.org"}, ""),
                ({"email": "a@example.org"}, "k1"),
                ({"name": "ana"}, ""),
                ({"name": "ben", "email": "b@example.org"}, ""),
            ):
                headers = {"Idempotency-Key": key} if key else {}
                status, answer, _ = await ask("POST", "/v1/sessions", body, headers=headers)
                found.append((status, answer.get("field"), answer.get("name")))
    invented = [name for _, _, name in found[4:6]]
    assert (found[:4], [status for status, _, _ in found[4:]], all(invented)) == (
        [
            (422, "name", None),
            (422, "name", None),
            (422, "email", None),
            (201, None, "ben"),
        ],
        [201] * 4,
        True,
    )
