"""Whatever is asked: an answer that can be written, or a refusal; never anything else."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.emulator.platform_api.calls import PlatformCall, PlatformRefusal, PlatformResponse
from tests.thoroughness import examples

from .platform_client import CONVERSATION, PlatformClient, contact, creation, opening, prompt

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)
INJECTION = {
    "interactionId": CONVERSATION,
    "messages": [{"type": "text", "from": "agent", "text": "x", "media": [{}]}],
}
QUERY = {"interval": "2026-01-01T00:00:00Z/2026-01-02", "metricNames": ["x"], "pageToken": "W10="}
BEAT = {
    "context": {"lastActivityTimestamp": "2026-01-01T00:00:00Z", "heartbeatSequence": 1},
    "status": "x",
}
FILE = {"filename": "a", "contentType": "image/png", "size": 5}
BODIES = (
    contact(),
    creation("guest-g1"),
    opening(),
    prompt(),
    INJECTION,
    QUERY,
    BEAT,
    FILE,
    {"textBody": "x"},
    {},
)


@st.composite
def bodies(draw):
    """A body that is nearly right: one place in it is something else."""
    body = orjson.loads(orjson.dumps(draw(st.sampled_from(BODIES))))
    inner = body
    while isinstance(inner, dict | list) and inner:
        place = draw(
            st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner)))
        )
        if not isinstance(inner[place], dict | list) or draw(st.booleans()):
            inner[place] = draw(VALUES)
            break
        inner = inner[place]
    return body


@settings(max_examples=examples(80))
@given(
    calls=st.lists(
        st.tuples(
            st.integers(0, 100),
            bodies(),
            st.dictionaries(st.sampled_from(["q", "pageSize"]), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_an_answer_or_a_refusal(calls):
    client = PlatformClient()
    client.open("aaaaaaaa-0000-4000-8000-000000000009")
    for n, body, query in calls:
        route = client.api.routes[n % len(client.api.routes)]
        call = PlatformCall(client.now, body, {"id": CONVERSATION}, query, key=f"k{n}")
        try:
            answer = client.api.handle(route, client.token, route.path, call)
        except PlatformRefusal as refusal:
            assert 400 <= refusal.status < 500
        else:
            assert isinstance(answer, PlatformResponse)
            orjson.dumps(answer.body)
    for resource in client.api.resources().values():
        orjson.dumps(resource(client.now))
