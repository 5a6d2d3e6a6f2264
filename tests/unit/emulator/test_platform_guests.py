"""Queues, contacts, messaging conversations, interactions, files: the state, without a network."""

from __future__ import annotations

import pytest

from guestd.emulator import DEFAULT_QUEUE_ID
from guestd.emulator.core.records import SendFrame

from .platform_client import CONVERSATION, PlatformClient, contact, creation, opening

CONTACTS = "/api/v2/externalcontacts/contacts"
MESSAGING = "/api/v2/conversations/messaging"
ONE = f"{MESSAGING}/{CONVERSATION}"
INJECT = "/api/v2/interactions/chat/inject"
PRESIGN = "/api/v2/webchat/attachments/generate-presigned-url"


@pytest.fixture
def client() -> PlatformClient:
    return PlatformClient()


class TestGuestCreation:
    def test_sess_7_a_queue_is_there_or_not(self, client):
        assert (
            client.call("GET", f"/api/v2/routing/queues/{DEFAULT_QUEUE_ID}").body["id"]
            == DEFAULT_QUEUE_ID
        )
        assert client.refused(404, "GET", "/api/v2/routing/queues/none").code == "not.found"

    @pytest.mark.parametrize(
        "place",
        ["type", "address", "externalContactId", "customAttributes", "customAttributes.guestToken"],
    )
    def test_sess_7_what_a_contact_lacks_is_named(self, client, place):
        body = contact(**{place.replace(".", "__") + "_": None})
        assert client.refused(400, "POST", CONTACTS, body).field == place

    def test_sess_7_the_same_guest_again_keeps_its_contact(self, client):
        made = client.call("POST", CONTACTS, contact(), "k1").body
        again = client.call("POST", CONTACTS, contact(customAttributes__tier="blue"), "k2")
        assert (again.status, again.body["id"], again.body["customAttributes"]["tier"]) == (
            200,
            made["id"],
            "blue",
        )
        assert client.mutations("contact") == [made["id"]]

    @pytest.mark.parametrize("other", ["externalContactId", "address"])
    def test_sess_7_another_contact_with_one_of_its_names_is_refused(self, client, other):
        client.call("POST", CONTACTS, contact(), "k1")
        refusal = client.refused(409, "POST", CONTACTS, contact(**{other: "another"}), "k2")
        field = {"externalContactId": "address", "address": "externalContactId"}[other]
        assert (refusal.code, refusal.field) == ("contact.already.exists", field)

    def test_sess_7_contacts_are_found(self, client):
        for name in ("ada", "adam", "eve"):
            client.call("POST", CONTACTS, contact(name))
        found = client.call("GET", CONTACTS, externalContactId="ada").body["entities"]
        assert [one["externalContactId"] for one in found] == ["ada"]
        assert client.call("GET", f"{CONTACTS}/{found[0]['id']}").body == found[0]
        page = client.call("GET", CONTACTS, q="ADA", pageSize="1", pageNumber="2").body
        assert [one["externalContactId"] for one in page["entities"]] == ["adam"]
        assert (page["total"], page["pageCount"]) == (2, 2)
        for given in ("0", "²", "٣", "9" * 5000):
            assert client.refused(400, "GET", CONTACTS, pageSize=given).field == "pageSize"

    @pytest.mark.parametrize(("by", "other"), [("id", "address"), ("address", "id")])
    def test_sess_7_a_conversation_for_a_contact(self, client, by, other):
        client.world.settings = client.world.settings.model_copy(update={"contact_reference": by})
        made = client.call("POST", CONTACTS, contact()).body
        assert (
            client.refused(400, "POST", MESSAGING, creation(made[other]), "k").field == "contactId"
        )
        answer = client.call("POST", MESSAGING, creation(made[by]), "k")
        assert answer.status == 201 and answer.body["contactId"] == made["id"]
        assert answer.body["status"] == "connected" and "canary" not in str(answer.body)
        assert client.call("POST", MESSAGING, creation(made[by]), "k").body == answer.body
        assert client.mutations("conversation") == [answer.body["id"]]

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"contactId": "nobody"}, "contactId"),
            ({"contactId_": None}, "contactId"),
            ({"routingData_": None}, "routingData.queueId"),
            ({"routingData__queueId": "none"}, "routingData.queueId"),
            ({"routingData__skillRequirements": "x"}, "routingData.skillRequirements"),
            ({"customAttributes_": None}, "customAttributes"),
            ({"customAttributes__sessionToken": None}, "customAttributes.sessionToken"),
        ],
    )
    def test_sess_7_what_is_wrong_is_named(self, client, change, place):
        made = client.call("POST", CONTACTS, contact()).body
        assert (
            client.refused(400, "POST", MESSAGING, creation(made["address"], **change)).field
            == place
        )


class TestMessaging:
    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"id": "no-uuid"}, "id"),
            ({"from_": None}, "from.id"),
            ({"from__name": ""}, "from.name"),
            ({"from__type": "agent"}, "from.type"),
            ({"to": []}, "to"),
            ({"to__0__type": "user"}, "to[0].type"),
            ({"to__0__id": "none"}, "to[0].id"),
            ({"type": "chat"}, "type"),
            ({"channelAddress": "sms"}, "channelAddress"),
            (
                {"context__capabilities": ["typing-indicator", "file-transfer"]},
                "context.capabilities",
            ),
            ({"context__locale": 7}, "context.locale"),
            ({"metadata__guestIdToken": None}, "metadata.guestIdToken"),
            ({"metadata__sessionDurationLimit": 0}, "metadata.sessionDurationLimit"),
            ({"metadata__sessionDurationLimit": 2701}, "metadata.sessionDurationLimit"),
            ({"metadata__sessionDurationLimit": True}, "metadata.sessionDurationLimit"),
            ({"metadata__initiatedAt": "yesterday"}, "metadata.initiatedAt"),
        ],
    )
    def test_sess_4_what_is_wrong_is_named(self, client, change, place):
        assert client.refused(400, "POST", MESSAGING, opening(**change)).field == place

    def test_sess_3_the_capability_that_lacks_is_named(self, client):
        refusal = client.refused(
            400, "POST", MESSAGING, opening(context__capabilities=["typing-indicator"])
        )
        assert "read-receipts" in str(refusal) and "typing" not in str(refusal)

    def test_sess_4_it_is_there_once(self, client):
        answer = client.call("POST", MESSAGING, opening(context__locale=None))
        assert answer.body["context"]["locale"] == "en-US" and answer.body["state"] == "active"
        client.refused(409, "POST", MESSAGING, opening())
        assert client.call("GET", ONE).body == answer.body

    def test_sess_5_heartbeats_are_on_record(self, client):
        client.open()
        for n in (1, 2, 3):
            client.now += 30
            beat = {"lastActivityTimestamp": "2026-01-01T00:00:00.000Z", "heartbeatSequence": n}
            assert client.call("PATCH", ONE, {"context": beat}).body["heartbeats"] == n
        (resource,) = client.api.resources()["conversations"](client.now)
        assert [one["sequence"] for one in resource["beats"]] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({}, "context"),
            ({"context": {}}, "context.lastActivityTimestamp"),
            (
                {"context": {"lastActivityTimestamp": "2026-01-01T00:00:00Z"}},
                "context.heartbeatSequence",
            ),
            (
                {"context": {"lastActivityTimestamp": 7, "heartbeatSequence": 1}},
                "context.lastActivityTimestamp",
            ),
            ({"status": "paused"}, "status"),
        ],
    )
    def test_sess_5_a_heartbeat_that_is_none(self, client, body, place):
        client.open()
        assert client.refused(400, "PATCH", ONE, body).field == place

    def test_sess_6_the_end_comes_once(self, client):
        client.refused(404, "PATCH", ONE, {"status": "disconnected"})
        client.open()
        assert (
            client.call("PATCH", ONE, {"status": "disconnected"}).body["status"] == "disconnected"
        )
        client.refused(409, "PATCH", ONE, {"status": "disconnected"})
        beat = {"lastActivityTimestamp": "2026-01-01T00:00:00Z", "heartbeatSequence": 1}
        assert client.refused(409, "PATCH", ONE, {"context": beat}).code == "conversation.ended"

    def test_sess_2_the_platform_ends_what_its_client_forgot(self, client):
        client.open(metadata__sessionDurationLimit=100)
        client.now += 159.9
        assert client.call("GET", ONE).body["status"] == "connected"
        client.now += 0.1
        assert client.call("GET", ONE).body["status"] == "disconnected"

    def test_a_queue_with_a_wait(self):
        client = PlatformClient(queues=({"answer_after_s": 5},))
        client.open()
        path = f"/api/v2/interactions/chat/{CONVERSATION}"
        assert client.call("GET", path).body["state"] == "queued"
        client.now += 5
        assert client.call("GET", path).body["state"] == "active"
        client.call("PATCH", ONE, {"status": "disconnected"})
        assert client.call("GET", path).body["state"] == "ended"


def text(words: str = "hello", sender: str = "agent", **more: object) -> dict[str, object]:
    return {"type": "text", "from": sender, "text": words, **more}


def number_of(message: dict[str, str]) -> int:
    return int(message["id"].removeprefix("msg-"))


class TestInjection:
    @pytest.mark.parametrize(
        ("messages", "place"),
        [
            ("hello", "messages"),
            ([], "messages"),
            ([text(), "x"], "messages[1].type"),
            ([text(), text(sender="nobody")], "messages[1].from"),
            ([{**text(), "type": "image"}], "messages[0].type"),
            ([text(), {"type": "html", "from": "bot", "text": "x"}], "messages[1].html"),
            ([text("x" * 4096), text("x" * 4097)], "messages[1].text"),
            ([text(""), text()], "messages[0].text"),
            ([text(timestamp="noon")], "messages[0].timestamp"),
            ([text(media=[{"name": "a", "url": "http://x"}])], "messages[0].media[0].url"),
            ([text(media=[{"url": "https://x"}])], "messages[0].media[0].name"),
        ],
    )
    def test_inj_1_one_wrong_message_and_none_is_placed(self, client, messages, place):
        client.open()
        body = {"interactionId": CONVERSATION, "messages": messages}
        assert client.refused(400, "POST", INJECT, body).field == place

    def test_inj_2_unknown_and_ended(self, client):
        body = {"interactionId": CONVERSATION, "messages": [text()]}
        client.refused(404, "POST", INJECT, body)
        client.open()
        client.call("PATCH", ONE, {"status": "disconnected"})
        assert client.refused(409, "POST", INJECT, body).code == "interaction.ended"

    def test_inj_3_the_same_key_injects_once(self, client):
        client.open()
        body = {"interactionId": CONVERSATION, "messages": [text(), text("again")]}
        answers = [client.call("POST", INJECT, body, "k").body for _ in range(3)]
        assert answers[0] == answers[1] == answers[2] and len(client.mutations("injection")) == 1
        (resource,) = client.api.resources()["conversations"](client.now)
        assert [one["text"] for one in resource["messages"]] == ["hello", "again"]

    def test_inj_4_times_and_ids_increase_and_media_come_back(self, client):
        client.open()
        media = [{"name": "a.png", "url": "https://files.example/a.png"}]
        messages = [text(str(n), timestamp="2020-01-01T00:00:00Z") for n in range(11)] + [
            text(media=media)
        ]
        placed = client.call(
            "POST", INJECT, {"interactionId": CONVERSATION, "messages": messages}
        ).body["messages"]
        more = client.call(
            "POST", INJECT, {"interactionId": CONVERSATION, "messages": [text()]}
        ).body["messages"]
        all_of_them = placed + more
        assert len(placed) == 12 and placed[-1]["media"] == media
        assert [number_of(one) for one in all_of_them] == sorted(
            {number_of(one) for one in all_of_them}
        )
        times = [one["timestamp"] for one in all_of_them]
        assert times == sorted(set(times))

    def test_inj_4_a_fault_makes_two_times_equal(self):
        client = PlatformClient(equal_times=True)
        client.open()
        body = {"interactionId": CONVERSATION, "messages": [text(), text()]}
        one, other = client.call("POST", INJECT, body).body["messages"]
        assert one["timestamp"] == other["timestamp"]

    def test_inj_4_as_a_bare_list_if_told_so(self):
        client = PlatformClient(bare_injections=True)
        client.open()
        body = {"interactionId": CONVERSATION, "messages": [text()]}
        assert [one["text"] for one in client.call("POST", INJECT, body).body] == ["hello"]

    def test_a_guest_on_the_socket_sees_what_is_injected(self, new_platform):
        platform = new_platform()
        guest = platform.guest()
        guest.configure()
        guest.say("hi")
        client = PlatformClient(world=platform.world)
        client.now, client.token = platform.now, ""
        client.token = client.sign_in()
        (conversation_id,) = platform.world.conversations
        assert (
            client.call("GET", f"/api/v2/interactions/chat/{conversation_id}").body["state"]
            == "active"
        )
        messages = [
            text("one"),
            text("two", "customer"),
            {"type": "html", "from": "bot", "html": "<b>3</b>"},
        ]
        answer = client.call(
            "POST", INJECT, {"interactionId": conversation_id, "messages": messages}
        )
        assert [
            effect.frame["body"]["text"] for effect in answer.effects if type(effect) is SendFrame
        ] == [
            "one",
            "<b>3</b>",
        ]
        reported = platform.world.sessions[guest.token].messages[1:]
        assert [(one["direction"], one["text"]) for one in reported] == [
            ("Outbound", "one"),
            ("Inbound", "two"),
            ("Outbound", "<b>3</b>"),
        ]
        assert [one["channel"]["time"] for one in reported] == [
            one["timestamp"] for one in answer.body["messages"]
        ]
        platform.perform(
            platform.world.agent_disconnects(platform.world.sessions[guest.token], platform.now)
        )
        client.refused(
            409, "POST", INJECT, {"interactionId": conversation_id, "messages": messages}
        )


class TestFiles:
    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"filename": ""}, "filename"),
            ({"contentType": "text/html"}, "contentType"),
            ({"size": 0}, "size"),
            ({"size": 17 * 1024 * 1024}, "size"),
            ({"size": "5"}, "size"),
        ],
    )
    def test_sock_6_what_is_wrong_is_named(self, client, change, place):
        body = {"filename": "a.png", "contentType": "image/png", "size": 5, **change}
        assert client.refused(400, "POST", PRESIGN, body).field == place

    def test_sock_6_a_place_lasts_ten_minutes_and_is_filled_once(self, client):
        body = {"filename": "a.png", "contentType": "image/png", "size": 5}
        answer = client.call("POST", PRESIGN, body).body
        file_id, secret = answer["metadata"]["id"], answer["uploadUrl"].partition("sig=")[2]
        files = client.world.files
        assert files.may_put(file_id, secret + "x", client.now) is None
        assert files.may_put(file_id, secret, client.now + 600) is None
        place = files.may_put(file_id, secret, client.now + 599)
        assert place is not None
        place.uploaded = True
        assert files.may_put(file_id, secret, client.now) is None
        assert files.get(file_id, secret) is place and files.get(file_id, "x") is None
