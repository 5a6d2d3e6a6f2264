"""In front of every room of the office: tokens, scopes, the rate, and what was asked before."""

from __future__ import annotations

import pytest

from guestd.emulator.core.stores import BoundedStore
from guestd.emulator.platform_api.calls import Refusal
from guestd.emulator.platform_api.live_store import LiveStore
from guestd.emulator.platform_api.oauth_clients import SCOPES

from .bureau import START, Bureau, contact, opening, prompt

CONTACTS = "/api/v2/externalcontacts/contacts"
MESSAGING = "/api/v2/conversations/messaging"


class TestTokens:
    def test_auth_3_no_token_a_wrong_one_and_one_that_is_over(self):
        bureau = Bureau(token_life_s=60)
        good = bureau.token
        bureau.token = "wrong"
        assert bureau.refused(401, "GET", CONTACTS).code == "authentication.required"
        bureau.token = good
        bureau.call("GET", CONTACTS)
        bureau.now += 60
        bureau.refused(401, "GET", CONTACTS)

    def test_auth_3_all_tokens_expire_at_once(self):
        bureau = Bureau()
        other = bureau.sign_in()
        assert bureau.office.clients.expire_all() == 2
        bureau.refused(401, "GET", CONTACTS)
        bureau.token = other
        bureau.refused(401, "GET", CONTACTS)
        bureau.token = bureau.sign_in()
        bureau.call("GET", CONTACTS)

    def test_wrong_credentials_and_a_scope_that_is_not_had(self):
        bureau = Bureau(oauth_scopes={"emulator-client": ("routing:readonly",)})
        assert bureau.office.clients.issue("emulator-client", "wrong", (), START) is None
        assert bureau.office.clients.issue("nobody", "emulator-secret", (), START) is None
        with pytest.raises(Refusal) as caught:
            bureau.sign_in("emulator-client", "emulator-secret", "conversation:write")
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
        bureau = Bureau()
        everything_else = {door.scopes for door in bureau.office.doors if scope in door.scopes}
        others = sorted(set(SCOPES) - {scope for scopes in everything_else for scope in scopes})
        bureau.token = bureau.sign_in("emulator-client", "emulator-secret", *others)
        refusal = bureau.refused(403, method, path)
        assert scope in str(refusal) and scope in refusal.params["scopes"]
        bureau.token = bureau.sign_in("emulator-client", "emulator-secret", scope)
        with pytest.raises(Refusal) as beyond:
            bureau.call(method, path)
        assert beyond.value.status in (400, 404)

    def test_every_scope_of_a_door_is_known(self):
        assert {scope for door in Bureau().office.doors for scope in door.scopes} <= set(SCOPES)


class TestRate:
    def test_so_many_a_minute_for_all_tokens_of_a_client_together(self):
        bureau = Bureau(limits={"rest_calls_per_client_per_minute": 3})
        for _ in range(3):
            bureau.token = bureau.sign_in()
            bureau.call("GET", CONTACTS)
        bureau.now += 20
        assert bureau.refused(429, "GET", CONTACTS).headers == {"Retry-After": "40"}
        bureau.now += 40
        bureau.call("GET", CONTACTS)

    def test_three_hundred_by_default_and_none_of_it_for_the_tolerant(self):
        for limits, refused in (({}, 1), ({"strict": False}, 0)):
            bureau = Bureau(limits=limits)
            for _ in range(300):
                bureau.call("GET", CONTACTS)
            found = 0
            try:
                bureau.call("GET", CONTACTS)
            except Refusal as refusal:
                found = int(refusal.status == 429)
            assert found == refused


class TestRepeats:
    def test_http_2_the_same_key_and_body_give_the_same_answer_and_one_effect(self):
        bureau = Bureau()
        first = bureau.call("POST", CONTACTS, contact(), "k1")
        bureau.now += 86_399
        bureau.token = bureau.sign_in()
        again = bureau.call("POST", CONTACTS, dict(reversed(contact().items())), "k1")
        assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
        assert again.headers == {"Idempotent-Replayed": "true"} and first.headers == {}
        assert bureau.deeds("contact") == [first.body["id"]]

    def test_http_2_the_key_is_forgotten_after_a_day(self):
        bureau = Bureau()
        bureau.call("POST", CONTACTS, contact(), "k1")
        bureau.now += 86_400
        bureau.token = bureau.sign_in()
        bureau.call("POST", CONTACTS, contact("g2"), "k1")
        assert len(bureau.deeds("contact")) == 2
        bureau.now += 86_000
        bureau.call("POST", CONTACTS, contact("g2"), "k1")
        assert len(bureau.deeds("contact")) == 2

    def test_http_2_the_same_key_for_something_else(self):
        bureau = Bureau()
        bureau.call("POST", CONTACTS, contact(), "k1")
        assert (
            bureau.refused(422, "POST", CONTACTS, contact("g2"), "k1").code
            == "idempotency.key.reused"
        )
        bureau.refused(422, "POST", MESSAGING, opening(), "k1")

    def test_http_2_a_key_belongs_to_its_client(self):
        bureau = Bureau(oauth_clients={"emulator-client": "emulator-secret", "other": "s"})
        bureau.call("POST", CONTACTS, contact(), "k1")
        bureau.token = bureau.sign_in("other", "s")
        bureau.call("POST", CONTACTS, contact("g2"), "k1")

    def test_http_2_what_was_refused_may_be_right_the_next_time(self):
        bureau = Bureau()
        bureau.open()
        bureau.prompt(1)
        bureau.refused(409, "POST", "/api/v2/agent-assist/prompt-injections", prompt(1), "k1")
        bureau.now += 30
        bureau.prompt(1, key="k1")
        assert len(bureau.deeds("prompt")) == 2

    def test_a_key_without_end(self):
        bureau = Bureau()
        assert (
            bureau.refused(400, "POST", CONTACTS, contact(), "k" * 256).field == "Idempotency-Key"
        )


class TestBounds:
    def test_a_shelf_forgets_the_oldest(self):
        shelf: BoundedStore[str] = BoundedStore(2)
        assert [shelf.put(one, one) for one in "abc"] == [None, None, "a"]
        assert list(shelf) == ["b", "c"]

    def test_a_register_never_forgets_the_living(self):
        register: LiveStore[str] = LiveStore(2)
        register.put("a", "a")
        register.put("b", "b")
        with pytest.raises(Refusal) as caught:
            register.put("c", "c")
        assert caught.value.status == 503
        for name in "abcd":
            register.end(name)
            register.put(name.upper(), name.upper()) if name in "ab" else None
        assert list(register) == ["a", "b", "A", "B"]
        for name in "AB":
            register.end(name)
        assert list(register) == ["A", "B"]

    def test_books_are_bounded(self):
        bureau = Bureau(records_max=10, limits={"rest_calls_per_client_per_minute": None})
        for n in range(30):
            bureau.call("POST", CONTACTS, contact(f"g{n}"), f"k{n}")
        books = bureau.office.books()
        assert len(books["contacts"](bureau.now)) == len(books["idempotency"](bureau.now)) == 10
        assert bureau.call("GET", CONTACTS, externalContactId="g0").body["total"] == 0
        bureau.call("POST", CONTACTS, contact("g0"))
        assert "canary" not in repr([book(bureau.now) for book in books.values()])
