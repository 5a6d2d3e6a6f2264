"""What a platform says of a guest session's token is passed on without it."""

from __future__ import annotations

import pytest

from guestd.model.endings import Cause, Ending
from guestd.observe.metrics import Metrics
from guestd.supervisor.connection_callbacks import ConnectionCallbacks
from guestd.supervisor.own_token import ending_without
from guestd.wire.webmessaging_decode import decode

TOKEN = "57b85f87-699a-4502-8d3e-0b5f7c9d1e2a"


class Owner:
    token = TOKEN

    def __init__(self):
        self.fed = []

    def may_have_shown(self, item):
        return False

    def feed(self, given):
        self.fed.append(given)


@pytest.mark.parametrize("at", [0, 490, 4090])
@pytest.mark.parametrize("code", [400, 403, 429, 4001])
def test_audit_2_the_reason_of_a_refusal_is_without_the_token(at, code):
    """Also where a reason that is too long is cut in the middle of it."""
    owner = Owner()
    words = f"{'z' * at} {TOKEN} may not"
    frame = f'{{"type": "response", "class": "string", "code": {code}, "body": "{words}"}}'
    ConnectionCallbacks(owner, owner, Metrics(), decode).text_received(frame.encode())
    (refused,) = owner.fed
    assert TOKEN[:8] not in refused.reason and len(refused.reason) <= 500


def test_audit_2_the_detail_of_an_ending_is_without_the_token():
    ending = Ending(Cause.CLOSED_BY_PEER, 4001, f"bad token {TOKEN}", 3.0)
    assert ending_without(TOKEN, ending) == Ending(Cause.CLOSED_BY_PEER, 4001, "bad token …", 3.0)
