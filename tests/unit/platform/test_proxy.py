"""platform.proxy_url: what is presented to the proxy, and what is refused before anything
starts."""

from __future__ import annotations

import base64

import pytest

from guestd.model.errors import ConfigError
from guestd.model.proxy import proxy_of


@pytest.mark.parametrize(
    ("password", "plain"),
    [
        ("%C4%84cki7", "Ącki7"),
        ("p%C3%A4ss", "päss"),
        ("10%E2%82%AC", "10€"),
        ("p%40ss%2Fw%3Ard%25", "p@ss/w:rd%"),
        ("", ""),
        ("%F0%9F%97%9D", "🗝"),
    ],
)
def test_credentials_are_utf_8(password, plain):
    proxy = proxy_of(f"http://ana:{password}@127.0.0.1:3128")
    scheme, _, encoded = proxy.authorization.partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", f"ana:{plain}")
    assert (proxy.host, proxy.port, proxy.url) == ("127.0.0.1", 3128, "http://127.0.0.1:3128")
    assert encoded not in repr(proxy)


def test_without_credentials_nothing_is_presented():
    proxy = proxy_of("http://[::1]")
    assert (proxy.host, proxy.port, proxy.url, proxy.headers()) == (
        "::1",
        80,
        "http://[::1]:80",
        {},
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "socks5://x:1",
        "https://proxy.example.org",
        "http://ana:canary@host:99999",
        "http://ana:canary@host:port",
        "http://ana:canary@host:²",
        "http://ana:canary@[::1",
        "http://ana:canary%FF@host:3128",
        "http://an%3Aa:canary@host:3128",
        "http://ana:canary%0D%0AX@host:3128",
        "http://ana:canary@ho st:3128",
        "http://ana:canary@host\n:3128",
    ],
)
def test_what_cannot_be_used_is_refused_with_the_key_and_without_the_password(url):
    with pytest.raises(ConfigError) as refused:
        proxy_of(url)
    assert refused.value.field == "platform.proxy_url"
    assert "canary" not in str(refused.value)
