"""Where the guest socket is: the dialect's own host in the region, or the address that is given."""

from __future__ import annotations

import pytest

from guestd.app.config import Config
from guestd.app.wiring.endpoints import platform_target


@pytest.mark.parametrize(
    ("platform", "socket"),
    [
        ({"dialect": "webchat", "region": "us-east-1"}, "wss://webchat.mypurecloud.com"),
        (
            {"dialect": "webmessaging", "region": "us-east-1", "deployment_id": "d"},
            "wss://webmessaging.mypurecloud.com",
        ),
        (
            {
                "dialect": "webchat",
                "region": "us-east-1",
                "guest_socket_url": "wss://gateway.test/",
            },
            "wss://gateway.test",
        ),
    ],
)
def test_sock_1_each_dialect_has_its_own_host(platform, socket):
    assert (
        platform_target(Config.model_validate({"platform": platform}), None).endpoints.guest_socket
        == socket
    )
