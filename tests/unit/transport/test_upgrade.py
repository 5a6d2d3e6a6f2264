"""The opening handshake: what is asked, and which answers are valid."""

import pytest
from websockets.uri import parse_uri

from guestd.transport import upgrade

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": ACCEPT}


def test_the_request_is_whole(monkeypatch):
    """With the key of RFC 6455 §1.3."""
    monkeypatch.setattr(upgrade, "generate_key", lambda: "dGhlIHNhbXBsZSBub25jZQ==")
    asked, accept = upgrade.request(
        parse_uri("wss://host.example:8443/v1?deploymentId=d"),
        (("Origin", "https://shop.example"),),
    )
    assert accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert asked.decode().split("\r\n") == [
        "GET /v1?deploymentId=d HTTP/1.1",
        "Host: host.example:8443",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Origin: https://shop.example",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "",
        "",
    ]


def test_every_request_has_its_own_key():
    uri = parse_uri("ws://localhost/")
    assert len({upgrade.request(uri, ()) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"upgrade": "WebSocket"},
        {"connection": "keep-alive, upgrade"},
        {"sec-websocket-extensions": ""},
    ],
)
def test_valid_answers(changed):
    assert upgrade.fault_in_answer(GOOD | changed, ACCEPT) == ""


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"upgrade": ""}, "Upgrade"),
        ({"upgrade": "websocket, h2c"}, "Upgrade"),
        ({"upgrade": "(("}, "header"),
        ({"connection": "close"}, "Connection"),
        ({"connection": ""}, "Connection"),
        ({"sec-websocket-accept": ""}, "Accept"),
        ({"sec-websocket-accept": ACCEPT.lower()}, "Accept"),
        ({"sec-websocket-accept": f"{ACCEPT}, {ACCEPT}"}, "Accept"),
        ({"sec-websocket-extensions": "permessage-deflate"}, "extensions"),
        ({"sec-websocket-protocol": "chat"}, "protocol"),
    ],
)
def test_answers_that_are_no_upgrade(changed, fault):
    assert fault in upgrade.fault_in_answer(GOOD | changed, ACCEPT)
    assert upgrade.fault_in_answer({}, ACCEPT)


@pytest.mark.parametrize("name", ["connection", "upgrade"])
def test_audit_1_a_header_that_cannot_be_read_is_named_and_not_quoted(name):
    fault = upgrade.fault_in_answer({**GOOD, name: "SECRET=[SECRET]"}, ACCEPT)
    assert fault == f"the {name.capitalize()} header is not valid"
