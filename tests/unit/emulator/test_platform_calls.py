"""What every call passes: tokens, scopes, the rate, and idempotency keys."""

from __future__ import annotations

import pytest

from guestd.emulator.core.stores import BoundedStore
from guestd.emulator.platform_api.calls import PlatformRefusal
from guestd.emulator.platform_api.live_store import LiveStore
from guestd.emulator.platform_api.oauth_clients import SCOPES

from .platform_client import START, PlatformClient, contact, opening, prompt

CONTACTS = "/api/v2/externalcontacts/contacts"
MESSAGING = "/api/v2/conversations/messaging"


class TestTokens:
    def test_auth_3_no_token_a_wrong_one_and_one_that_is_over(self):
        client = PlatformClient(token_life_s=60)
        good = client.token
        client.token = "wrong"
        assert client.refused(401, "GET", CONTACTS).code == "authentication.required"
        client.token = good
        client.call("GET", CONTACTS)
        client.now += 60
        client.refused(401, "GET", CONTACTS)

    def test_auth_3_all_tokens_expire_at_once(self):
        client = PlatformClient()
        other = client.sign_in()
        assert client.api.clients.expire_all() == 2
        client.refused(401, "GET", CONTACTS)
        client.token = other
        client.refused(401, "GET", CONTACTS)
        client.token = client.sign_in()
        client.call("GET", CONTACTS)

    def test_wrong_credentials_and_a_scope_that_is_not_had(self):
        client = PlatformClient(oauth_scopes={"emulator-client": ("routing:readonly",)})
        assert client.api.clients.issue("emulator-client", "wrong", (), START) is None
        assert client.api.clients.issue("nobody", "emulator-secret", (), START) is None
        with pytest.raises(PlatformRefusal) as caught:
            client.sign_in("emulator-client", "emulator-secret", "conversation:write")
        assert caught.value.code == "invalid_scope"

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("POST", "/api/v2/interactions/chat/inject", "interaction:chat:write"),
            ("POST", MESSAGING, "conversation:write"),
            ("POST", MESSAGING, "conversations:messaging"),
            ("GET", MESSAGING + "/x", "conversation:view"),
            ("PATCH", MESSAGING + "/x", "conversation:write"),
            ("POST", CONTACTS, "externalcontacts:create"),
            ("POST", "/api/v2/agent-assist/prompt-injections", "agent-assist:prompt:write"),
            ("POST", "/api/v2/analytics/events/query", "analytics:events:read"),
            (
                "POST",
                "/api/v2/webchat/attachments/generate-presigned-url",
                "webchat:attachment:write",
            ),
        ],
    )
    def test_auth_4_a_missing_scope_is_named(self, method, path, scope):
        client = PlatformClient()
        everything_else = {route.scopes for route in client.api.routes if scope in route.scopes}
        others = sorted(set(SCOPES) - {scope for scopes in everything_else for scope in scopes})
        client.token = client.sign_in("emulator-client", "emulator-secret", *others)
        refusal = client.refused(403, method, path)
        assert scope in str(refusal) and scope in refusal.params["scopes"]
        client.token = client.sign_in("emulator-client", "emulator-secret", scope)
        with pytest.raises(PlatformRefusal) as beyond:
            client.call(method, path)
        assert beyond.value.status in (400, 404)

    def test_every_scope_of_a_door_is_known(self):
        assert {scope for route in PlatformClient().api.routes for scope in route.scopes} <= set(
            SCOPES
        )


class TestRate:
    def test_so_many_a_minute_for_all_tokens_of_a_client_together(self):
        client = PlatformClient(limits={"rest_calls_per_client_per_minute": 3})
        for _ in range(3):
            client.token = client.sign_in()
            client.call("GET", CONTACTS)
        client.now += 20
        assert client.refused(429, "GET", CONTACTS).headers == {"Retry-After": "40"}
        client.now += 40
        client.call("GET", CONTACTS)

    def test_three_hundred_by_default_and_none_of_it_for_the_tolerant(self):
        for limits, refused in (({}, 1), ({"strict": False}, 0)):
            client = PlatformClient(limits=limits)
            for _ in range(300):
                client.call("GET", CONTACTS)
            found = 0
            try:
                client.call("GET", CONTACTS)
            except PlatformRefusal as refusal:
                found = int(refusal.status == 429)
            assert found == refused


class TestRepeats:
    def test_http_2_the_same_key_and_body_give_the_same_answer_and_one_effect(self):
        client = PlatformClient()
        first = client.call("POST", CONTACTS, contact(), "k1")
        client.now += 86_399
        client.token = client.sign_in()
        again = client.call("POST", CONTACTS, dict(reversed(contact().items())), "k1")
        assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
        assert again.headers == {"Idempotent-Replayed": "true"} and first.headers == {}
        assert client.mutations("contact") == [first.body["id"]]

    def test_http_2_the_key_is_forgotten_after_a_day(self):
        client = PlatformClient()
        client.call("POST", CONTACTS, contact(), "k1")
        client.now += 86_400
        client.token = client.sign_in()
        client.call("POST", CONTACTS, contact("g2"), "k1")
        assert len(client.mutations("contact")) == 2
        client.now += 86_000
        client.call("POST", CONTACTS, contact("g2"), "k1")
        assert len(client.mutations("contact")) == 2

    def test_http_2_the_same_key_for_something_else(self):
        client = PlatformClient()
        client.call("POST", CONTACTS, contact(), "k1")
        assert (
            client.refused(422, "POST", CONTACTS, contact("g2"), "k1").code
            == "idempotency.key.reused"
        )
        client.refused(422, "POST", MESSAGING, opening(), "k1")

    def test_http_2_a_key_belongs_to_its_client(self):
        client = PlatformClient(oauth_clients={"emulator-client": "emulator-secret", "other": "s"})
        client.call("POST", CONTACTS, contact(), "k1")
        client.token = client.sign_in("other", "s")
        client.call("POST", CONTACTS, contact("g2"), "k1")

    def test_http_2_what_was_refused_may_be_right_the_next_time(self):
        client = PlatformClient()
        client.open()
        client.prompt(1)
        client.refused(409, "POST", "/api/v2/agent-assist/prompt-injections", prompt(1), "k1")
        client.now += 30
        client.prompt(1, key="k1")
        assert len(client.mutations("prompt")) == 2

    def test_a_key_without_end(self):
        client = PlatformClient()
        assert (
            client.refused(400, "POST", CONTACTS, contact(), "k" * 256).field == "Idempotency-Key"
        )


class TestBounds:
    def test_a_bounded_store_evicts_the_oldest(self):
        store: BoundedStore[str] = BoundedStore(2)
        assert [store.put(one, one) for one in "abc"] == [None, None, "a"]
        assert list(store) == ["b", "c"]

    def test_a_live_store_never_evicts_a_running_entry(self):
        store: LiveStore[str] = LiveStore(2)
        store.put("a", "a")
        store.put("b", "b")
        with pytest.raises(PlatformRefusal) as caught:
            store.put("c", "c")
        assert caught.value.status == 503
        for name in "abcd":
            store.end(name)
            store.put(name.upper(), name.upper()) if name in "ab" else None
        assert list(store) == ["a", "b", "A", "B"]
        for name in "AB":
            store.end(name)
        assert list(store) == ["A", "B"]

    def test_books_are_bounded(self):
        client = PlatformClient(records_max=10, limits={"rest_calls_per_client_per_minute": None})
        for n in range(30):
            client.call("POST", CONTACTS, contact(f"g{n}"), f"k{n}")
        resources = client.api.resources()
        assert (
            len(resources["contacts"](client.now))
            == len(resources["idempotency"](client.now))
            == 10
        )
        assert client.call("GET", CONTACTS, externalContactId="g0").body["total"] == 0
        client.call("POST", CONTACTS, contact("g0"))
        assert "canary" not in repr([resource(client.now) for resource in resources.values()])
