"""The guard by itself: which URLs and addresses pass. `test_ssrf_sockets.py` counts connections."""

from __future__ import annotations

import pytest

from guestd.webhooks.ssrf_guard import (
    METADATA_SERVICES,
    SsrfGuard,
    SsrfRefused,
    carried_by,
    is_denied,
)

INTERNAL = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.8.8.8 168.63.129.16 169.254.0.1
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255
198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::2 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8 64:ff9b::1 64:ff9b::8.8.8.8 64:ff9b::a9fe:a9fe
64:ff9b:1::a9fe:a9fe 100::1 2001::1 2001:0:53aa:64c:0:fbff:7f00:1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 3ffe::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fec0::1 ff02::1 ff0e::1
"""

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.1
172.15.255.255 172.32.0.1 192.0.1.1 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255
2001:200::1 2001:4860:4860::8888 2003::1 2600::1 2a00:1450:4001::1 3ffd::1
"""


@pytest.mark.parametrize("address", INTERNAL.split())
def test_sync_1_no_internal_address_passes(address):
    with pytest.raises(SsrfRefused, match="not a public address"):
        SsrfGuard().check("crm.example.org", [address])


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_pass(address):
    SsrfGuard().check("crm.example.org", [address])


def test_one_internal_address_among_public_ones_is_enough():
    with pytest.raises(SsrfRefused, match=r"10\.0\.0\.1"):
        SsrfGuard().check("crm.example.org", ["8.8.8.8", "10.0.0.1", "1.1.1.1"])


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2600::1%1", "not-an-address", ""])
def test_what_is_no_plain_address_does_not_pass(address):
    with pytest.raises(SsrfRefused, match="not a plain address"):
        SsrfGuard().check("crm.example.org", [address])


REFUSED_URLS = {
    "ftp://crm.example.org/": "begin with https",
    "file:///etc/passwd": "begin with https",
    "gopher://crm.example.org/": "begin with https",
    "//crm.example.org/": "begin with https",
    "crm.example.org": "begin with https",
    "": "begin with https",
    "https://": "names no host",
    "https:///path": "names no host",
    "http://crm.example.org/": "allow_internal only",
    "https://user:password@crm.example.org/": "no user and password",
    "https://user@crm.example.org/": "no user and password",
    "https://8.8.8.8@127.0.0.1/": "no user and password",
    "https://crm.example.org:0/": "port 0",
    "https://crm.example.org:99999/": "cannot be read",
    "https://crm.example.org:http/": "cannot be read",
    "https://crm.exa mple.org/": "do not belong",
    "https://crm.example.org\\@127.0.0.1/": "do not belong",
    "https://crm.example.org/\r\nHost: internal": "do not belong",
    "https://①②⑦.⓪.⓪.①/": "do not belong",
    "https://crm。example。org/": "do not belong",
    "https://2130706433/": "number in disguise",
    "https://127.1/": "number in disguise",
    "https://127.0.1/": "number in disguise",
    "https://0x7f.1/": "number in disguise",
    "https://0x7f000001/": "number in disguise",
    "https://0x7f.0x0.0x0.0x1/": "number in disguise",
    "https://0177.0.0.1/": "number in disguise",
    "https://017700000001/": "number in disguise",
    "https://127.0.0.1./": "number in disguise",
    "https://127.0.0.0x1/": "number in disguise",
    "https://1.2.3.4.5/": "number in disguise",
    "https://crm.example.0x/": "number in disguise",
    "https://4294967297/": "number in disguise",
    "https://127.0.0.1/": "not a public address",
    "https://[::1]/": "not a public address",
    "https://[::ffff:127.0.0.1]/": "not a public address",
    "https://[::ffff:7f00:1]/": "not a public address",
    "https://[64:ff9b::a9fe:a9fe]/": "not a public address",
    "https://[fe80::1%25eth0]/": "neither a name|read",
    "https://[::1/": "cannot be read",
    "https://169.254.169.254/latest/meta-data/": "not a public address",
    "https://%31%32%37.0.0.1/": "neither a name",
    "https://crm_.-example.org/": "neither a name",
    "https://.example.org/": "neither a name",
    "https://a..b/": "neither a name",
}


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_sync_1_urls_that_are_refused_before_anybody_is_asked(url):
    with pytest.raises(SsrfRefused, match=REFUSED_URLS[url]):
        SsrfGuard().endpoint(url)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://crm.example.org/hook?key=1#part", ("https", "crm.example.org", 443)),
        ("https://CRM.Example.ORG./", ("https", "crm.example.org.", 443)),
        ("https://crm.example.org:8443", ("https", "crm.example.org", 8443)),
        ("https://8.8.8.8/", ("https", "8.8.8.8", 443)),
        ("https://[2600::1]:444/", ("https", "2600::1", 444)),
        ("https://xn--bcher-kva.example/", ("https", "xn--bcher-kva.example", 443)),
        ("https://7eleven.example4/", ("https", "7eleven.example4", 443)),
    ],
)
def test_urls_that_may_be_called(url, place):
    found = SsrfGuard().endpoint(url)
    assert (found.scheme, found.host, found.port) == place


def test_a_listed_network_opens_itself_and_nothing_else():
    guard = SsrfGuard(["10.1.0.0/16", "127.0.0.1", "fd00::/8", "64:ff9b::/96"])
    guard.check("crm.internal", ["10.1.2.3", "127.0.0.1", "fd00::1", "64:ff9b::8.8.8.8"])
    guard.endpoint("http://10.1.2.3:8080/")
    for address in (
        "10.2.0.1",
        "127.0.0.2",
        "169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "::ffff:10.1.2.3",
    ):
        with pytest.raises(SsrfRefused):
            guard.check("crm.internal", [address])
    with pytest.raises(SsrfRefused, match="allow_internal only"):
        guard.endpoint("http://crm.internal/")


def test_a_listed_name_opens_private_networks_but_never_the_metadata_service():
    guard = SsrfGuard(["CRM.internal."])
    guard.endpoint("http://crm.internal:8080/")
    guard.check("crm.internal", ["10.1.2.3", "127.0.0.1", "::1", "fd00::1"])
    for address in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "64:ff9b::a00:1"):
        with pytest.raises(SsrfRefused):
            guard.check("crm.internal", [address])
    with pytest.raises(SsrfRefused):
        guard.check("other.internal", ["10.1.2.3"])


def test_an_operations_own_url_is_bound_to_443_and_to_the_hosts_that_may_be_named():
    guard = SsrfGuard(hosts=["hooks.example.org"], any_port=False)
    guard.endpoint("https://hooks.example.org/a")
    with pytest.raises(SsrfRefused, match="port 8443"):
        guard.endpoint("https://hooks.example.org:8443/")
    with pytest.raises(SsrfRefused, match="none of the hosts"):
        guard.endpoint("https://evil.example.org/")
    with pytest.raises(SsrfRefused, match="none of the hosts"):
        guard.endpoint("https://hooks.example.org.evil.example/")


def test_what_an_address_carries_is_found():
    import ipaddress

    for text in (
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
    ):
        assert ipaddress.ip_address("169.254.169.254") in carried_by(ipaddress.ip_address(text)), (
            text
        )
    assert carried_by(ipaddress.ip_address("2600::1")) == []
    assert is_denied(ipaddress.ip_address("64:ff9b::8.8.8.8"))


METADATA = """
169.254.169.254 169.254.170.2 169.254.170.23 169.254.0.23 169.254.42.42 100.100.100.200 168.63.129.16 192.0.0.192
fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42 fe80::a9fe:a9fe
::ffff:169.254.169.254 ::169.254.169.254 ::ffff:0:169.254.169.254 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe
64:ff9b:1:a9fe:a9:fe00:: 2002:a9fe:a9fe::1 2001:0:53aa:64c:0:fbff:5601:5601 fd00::5efe:a9fe:a9fe fd00::200:5efe:a9fe:a9fe
::ffff:100.100.100.200 64:ff9b::168.63.129.16 2002:c000:00c0::
"""


@pytest.mark.parametrize("address", METADATA.split())
def test_sync_1_metadata_services_are_refused_whatever_is_allowed(address):
    open_to_all = SsrfGuard(["0.0.0.0/0", "::/0", address, "crm.internal"])
    with pytest.raises(SsrfRefused, match="metadata"):
        open_to_all.check("crm.internal", [address])
    with pytest.raises(SsrfRefused, match="metadata"):
        open_to_all.endpoint(f"http://[{address}]/" if ":" in address else f"http://{address}/")


@pytest.mark.parametrize(
    "address", ["169.254.20.10", "100.100.100.201", "fd00:ec2::253", "192.0.0.191", "fd00::1"]
)
def test_the_neighbours_of_a_metadata_service_may_be_allowed(address):
    SsrfGuard([address]).check("crm.internal", [address])


def test_each_metadata_address_has_its_reason():
    assert all(reason and len(reason) < 80 for reason in METADATA_SERVICES.values())
    with pytest.raises(SsrfRefused, match=r"169\.254\.169\.254.*Amazon"):
        SsrfGuard(["crm.internal"]).check("crm.internal", ["8.8.8.8", "169.254.169.254"])
