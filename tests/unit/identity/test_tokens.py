"""Guest tokens: what is signed, what is believed, and everything that is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.identity.pairs import public_pem
from guestd.identity.tokens import RESERVED
from guestd.model.errors import CommandError, TokenError
from guestd.model.ids import fingerprint
from guestd.observe.exposition import exposition

from .conftest import NOON, Identity


def code_of(tokens, token):
    with pytest.raises(TokenError) as refused:
        tokens.verify(token)
    assert len(token) < 20 or token not in str(refused.value)
    return refused.value.code


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def shared(tmp_path_factory, pool):
    """One for the tests that change nothing in the ring."""
    return Identity(tmp_path_factory.mktemp("identity") / "keys", pool)


@pytest.fixture
def forge(shared):
    """A token with any claims and header, signed with the ring's own key."""

    def make(claims=None, alg="RS256", without=(), **header):
        keys = shared.ring.ensure()
        said = {"guestId": "ana", "iat": int(NOON), "exp": int(NOON) + 300, **(claims or {})}
        said = {name: value for name, value in said.items() if name not in without}
        named = {"kid": keys.ring.signing.kid, **header}
        named = {name: value for name, value in named.items() if value is not None}
        return jwt.encode(said, keys.signer, algorithm=alg, headers=named)

    return make


def test_guest_1_a_token_is_rs256_with_kid_guest_and_five_minutes(shared):
    signed = shared.tokens.sign("ana", {"source": "web-portal", "tier": "premium"})
    entry, public = shared.ring.valid()[0]
    assert jwt.get_unverified_header(signed.token) == {
        "alg": "RS256",
        "kid": entry.kid,
        "typ": "JWT",
    }
    assert public.key_size == 2048 and signed.kid == entry.kid
    claims = jwt.decode(
        signed.token, public_pem(public), algorithms=["RS256"], options={"verify_iat": False}
    )
    assert claims == {
        "guestId": "ana",
        "iat": int(NOON),
        "exp": int(NOON) + 300,
        "source": "web-portal",
        "tier": "premium",
    }
    by_document = jwt.PyJWKSet.from_dict(shared.ring.jwks())[entry.kid]
    assert (
        jwt.decode(signed.token, by_document, algorithms=["RS256"], options={"verify_iat": False})
        == claims
    )
    believed = shared.tokens.verify(signed.token)
    assert (believed.guest_id, believed.expires, believed.metadata["tier"]) == (
        "ana",
        signed.expires,
        "premium",
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text().filter(lambda name: name not in RESERVED), json_values, max_size=4)
)
def test_guest_1_metadata_comes_back_as_it_went_or_is_refused(shared, metadata):
    try:
        signed = shared.tokens.sign("ana", metadata)
    except CommandError as refused:
        assert refused.field == "metadata" and "\\ud" in ascii(
            metadata
        )  # lone surrogates are no text
        return
    assert shared.tokens.verify(signed.token).metadata == metadata


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_guest_1_metadata_may_not_say_what_we_say(shared, name):
    with pytest.raises(
        CommandError, match=rf"metadata\.{name} is a claim that guestd itself sets"
    ) as refused:
        shared.tokens.sign("ana", {name: 4_000_000_000})
    assert refused.value.field == f"metadata.{name}"


@pytest.mark.parametrize(
    "metadata", [{"a": float("nan")}, {"a": object()}, {"a": "\ud800"}, {1: 2}, {"a": {("b",): 1}}]
)
def test_metadata_that_is_no_json_is_refused(shared, metadata):
    with pytest.raises(CommandError) as refused:
        shared.tokens.sign("ana", metadata)
    assert refused.value.field == "metadata"


def test_metadata_without_a_bottom_is_refused(shared):
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CommandError, match="must be JSON"):
        shared.tokens.sign("ana", {"deep": deep})
    while deep:  # taken apart by hand: the interpreter would do it recursively
        deep = deep.pop()


@pytest.mark.parametrize("guest_id", ["", "a\nb", "\x00", "\ud800"])
def test_a_guest_needs_a_printable_id(shared, guest_id):
    with pytest.raises(CommandError, match="guestId must be"):
        shared.tokens.sign(guest_id)


def test_a_token_too_long_for_a_header_is_neither_signed_nor_read(shared):
    with pytest.raises(CommandError, match="over 8192; give less metadata"):
        shared.tokens.sign("ana", {"story": "x" * 8000})
    assert code_of(shared.tokens, "x" * 8193) == "too_long"


def test_times_are_judged_with_a_little_leeway(identity, clock):
    owner = identity(leeway_s=5.0)
    token = owner.tokens.sign("ana").token
    for moment, outcome in (
        (-5.0, None),
        (-6.0, "not_yet_valid"),
        (304.9, None),
        (305.0, "expired"),
        (9e9, "expired"),
    ):
        clock.now = NOON + moment
        if outcome is None:
            assert owner.tokens.verify(token).guest_id == "ana"
        else:
            assert code_of(owner.tokens, token) == outcome


def test_an_rsa_token_is_never_checked_as_anything_else(shared, forge):
    """`none`, and the public key used as an HMAC secret: the two classic ways around a
    signature."""
    header, payload, _ = forge().split(".")
    kid = shared.ring.current().ring.signing.kid
    bare = part({"alg": "none", "kid": kid, "typ": "JWT"})
    assert code_of(shared.tokens, f"{bare}.{payload}.") in ("malformed", "wrong_algorithm")
    assert code_of(shared.tokens, f"{bare}.{payload}.AA") == "wrong_algorithm"
    for secret in (public_pem(shared.ring.valid()[0][1]).encode(), b""):
        confused = f"{part({'alg': 'HS256', 'kid': kid, 'typ': 'JWT'})}.{payload}"
        mac = (
            base64.urlsafe_b64encode(hmac.digest(secret, confused.encode(), hashlib.sha256))
            .rstrip(b"=")
            .decode()
        )
        assert code_of(shared.tokens, f"{confused}.{mac}") == "wrong_algorithm"
    for algorithm in ("RS384", "RS512", "PS256"):
        assert code_of(shared.tokens, forge(alg=algorithm)) == "wrong_algorithm"
    assert code_of(shared.tokens, f"{header}.{payload}.AA") == "bad_signature"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"claims": {"exp": NOON - 400, "iat": NOON - 700}}, "expired"),
        ({"claims": {"iat": NOON + 60}}, "not_yet_valid"),
        ({"claims": {"nbf": NOON + 60}}, "not_yet_valid"),
        ({"without": ("guestId",)}, "missing_claim"),
        ({"without": ("iat",)}, "missing_claim"),
        ({"without": ("exp",)}, "missing_claim"),
        ({"claims": {"guestId": 7}}, "bad_claim"),
        ({"claims": {"guestId": ""}}, "bad_claim"),
        ({"claims": {"exp": "tomorrow"}}, "bad_claim"),
        ({"claims": {"exp": True}}, "bad_claim"),
        ({"claims": {"exp": float("nan")}}, "bad_claim"),
        ({"claims": {"exp": float("inf")}}, "bad_claim"),
        ({"claims": {"exp": 10**400}}, "bad_claim"),
        ({"claims": {"aud": "somebody else"}}, "wrong_audience"),
        ({"kid": "webchat-guest-key-v1"}, "unknown_kid"),
        ({"kid": "A" * 43}, "unknown_kid"),
        ({"kid": None}, "missing_kid"),
        ({"kid": ""}, "missing_kid"),
        ({"crit": ["x"], "x": 1}, "malformed"),
    ],
)
def test_guest_1_what_is_wrong_is_said_by_name(shared, forge, made, code):
    assert code_of(shared.tokens, forge(**made)) == code


@given(
    st.text(max_size=60)
    | st.lists(st.text("ey.JA-_", max_size=9), min_size=3, max_size=3).map(".".join)
)
def test_anything_else_is_no_token(shared, text):
    assert code_of(shared.tokens, text) in ("malformed", "wrong_algorithm")


@given(st.data())
def test_guest_1_one_changed_character_and_it_is_not_believed(shared, data):
    token = shared.tokens.sign("ana", {"tier": "premium"}).token
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.sampled_from("ABCxyz019-_=+/ .\n\0é").filter(lambda one: one != token[place])
    )
    way = data.draw(st.sampled_from(["replace", "insert", "append"]))
    changed = {
        "replace": token[:place] + other + token[place + 1 :],
        "insert": token[:place] + other + token[place:],
        "append": token + other,
    }[way]
    assert code_of(shared.tokens, changed)


def test_a_token_has_one_spelling_so_that_it_has_one_fingerprint(shared):
    """The last character of a signature carries four bits that no decoder looks at; spaces and
    padding fall through many."""
    token = shared.tokens.sign("ana").token
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    one, other = (
        base64.urlsafe_b64decode(text.rpartition(".")[2] + "==") for text in (token, twin)
    )
    assert one == other and twin != token
    for changed in (twin, token + "=", token + "==", token + "\n", token[:-9] + " " + token[-9:]):
        assert code_of(shared.tokens, changed) == "malformed"


def test_issuer_and_audience_are_set_and_demanded(identity):
    owner = identity(issuer="https://chat.example.org", audience="genesys")
    plain = identity()
    token = owner.tokens.sign("ana").token
    assert (
        jwt.decode(token, options={"verify_signature": False})["iss"] == "https://chat.example.org"
    )
    assert owner.tokens.verify(token).metadata == {}
    assert code_of(owner.tokens, plain.tokens.sign("ana").token) == "missing_claim"
    assert (
        code_of(identity(issuer="https://other.example.org", audience="genesys").tokens, token)
        == "wrong_issuer"
    )
    assert (
        code_of(identity(issuer="https://chat.example.org", audience="x").tokens, token)
        == "wrong_audience"
    )


def test_guest_2_old_and_new_key_are_both_believed_during_the_overlap(identity, clock):
    owner = identity(token_life_s=86_400.0)
    old = owner.tokens.sign("ana").token
    owner.ring.rotate(3600.0)
    new = owner.tokens.sign("ben").token
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    clock.now += 3599.0
    assert [owner.tokens.verify(token).guest_id for token in (old, new)] == ["ana", "ben"]
    clock.now += 1.0
    assert code_of(owner.tokens, old) == "retired_kid"
    assert owner.tokens.verify(new).guest_id == "ben"
    owner.ring.rotate(0.0)
    assert code_of(owner.tokens, new) == "retired_kid"


def test_guest_3_checks_are_counted_by_outcome(identity):
    owner = identity()
    assert owner.metrics.token_verdicts.failed_share == 0.0
    token = owner.tokens.sign("ana").token
    owner.tokens.verify(token)
    head, _, _ = token.rpartition(".")
    for bad in (f"{head}.AAAA", "nonsense"):
        code_of(owner.tokens, bad)
    assert owner.metrics.tokens_signed == 1
    assert owner.metrics.token_checks == {"valid": 2, "bad_signature": 1, "malformed": 1}
    text = exposition(owner.metrics).decode()
    assert "guestd_tokens_signed_total 1.0" in text
    assert 'guestd_token_checks_total{outcome="bad_signature"} 1.0' in text
    assert owner.metrics.token_verdicts.judged == 3
    assert f"guestd_token_validation_failure_ratio {2 / 3}" in text


def test_audit_2_a_token_is_spoken_of_by_its_fingerprint(shared, caplog):
    signed = shared.tokens.sign("ana")
    assert (
        signed.fingerprint
        == fingerprint(signed.token)
        == "sha256:" + hashlib.sha256(signed.token.encode()).hexdigest()[:32]
    )
    for piece in (signed.token, *signed.token.split(".")):
        assert piece not in repr(signed) and piece not in repr(shared.tokens.verify(signed.token))
        assert piece not in caplog.text
