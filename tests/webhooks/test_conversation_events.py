"""Webhooks for what happens in a conversation: only for targets that name them, and with the guest's
name."""

from __future__ import annotations

from guestd.webhooks.guest_names import GuestNames
from guestd.webhooks.payloads import (
    CONNECTED,
    CONNECTION_BACK,
    CONNECTION_LOST,
    EVENTS,
    OPT_IN,
    RECEIVED,
    SENT,
    TERMINATED,
)

from .harness import Receiver, World, target, until, webhooks


def live_through(world: World) -> None:
    world.session("s1", "live")
    world.message("s1", "Inbound", "where is it? https://example.org/?q=1", command_id="c1")
    world.message("s1", "Outbound", "let me look", sender="Ann", bot=True)
    world.session("s1", "resting", "unanswered")
    world.session("s1", "live")
    world.session("s1", "ended", "finished")


async def test_a_target_that_names_them_hears_of_messages_and_of_the_connection():
    world = World()
    async with Receiver() as bot, Receiver() as crm:
        asked = (RECEIVED, SENT, CONNECTION_LOST, CONNECTION_BACK)
        service, _ = webhooks(world.journal, target(bot, "bot", events=asked), target(crm))
        service.start()
        live_through(world)
        await until(lambda: len(bot.got) == 4 and len(crm.got) == 2)
        await service.stop()
    assert [one["event"] for one in crm.got] == [CONNECTED, TERMINATED], "as before, unasked"
    sent, received, lost, back = bot.got
    assert (sent["event"], received["event"]) == (SENT, RECEIVED), (
        "in the order of the conversation"
    )
    assert sent["conversationId"] == "s1"
    assert sent["data"] == {
        "sessionId": "s1",
        "seq": 2,
        "commandId": "c1",
        "type": "Text",
        "text": "where is it? https://example.org/?q=1",
        "time": "2026-11-29T18:00:00Z",
        "guest": "guest s1",
    }
    assert received["data"]["text"] == "let me look"
    assert (received["data"]["sender"], received["data"]["bot"]) == ("Ann", True)
    assert (lost["event"], lost["data"]["reason"]) == (CONNECTION_LOST, "unanswered")
    assert (lost["state"], back["event"], back["state"]) == (
        "connection_lost",
        CONNECTION_BACK,
        "connection_restored",
    )


async def test_the_guests_name_is_in_every_webhook_of_a_session():
    world = World()
    async with Receiver() as crm:
        service, _ = webhooks(world.journal, target(crm, events=(*EVENTS, *OPT_IN)))
        service.start()
        live_through(world)
        world.journal.forget("s1")  # it is over, and webhooks are behind
        await until(lambda: len(crm.got) == 6)
        await service.stop()
    assert {one["data"]["guest"] for one in crm.got} == {"guest s1"}


async def test_names_are_asked_for_once_and_a_session_that_is_gone_has_none():
    world, asked = World(), []
    world.session("s1", "live")

    class Counting:
        async def guest_names(self, session_ids):
            asked.append(list(session_ids))
            return await world.journal.guest_names(session_ids)

    names = GuestNames(Counting())
    assert await names.of(["s1", "s9", "s1"]) == {"s1": "guest s1", "s9": ""}
    assert await names.of(["s1"]) == {"s1": "guest s1"}
    assert asked == [["s1", "s9"]]


async def test_a_guest_over_rest_is_named_as_well():
    world = World()
    async with Receiver() as crm:
        service, _ = webhooks(world.journal, target(crm))
        service.start()
        world.fact("messaging.opened", guest_id="ana")
        world.fact("prompt.injected", injection_id="i1")
        await until(lambda: len(crm.got) == 2)
        await service.stop()
    assert [one["data"].get("guest") for one in crm.got] == ["ana", None]
