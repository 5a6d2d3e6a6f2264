"""How many clients one remote address has."""

from __future__ import annotations

import pytest

from guestd.api.addresses import AddressCounts, address_of, share_of


def test_one_address_has_its_share_and_leaves_the_rest(caplog):
    counts = AddressCounts(2, "frontends", "simulator.frontends_per_address_max")
    assert counts.enter("10.0.0.1") and counts.enter("10.0.0.1")
    assert not counts.enter("10.0.0.1") and not counts.enter("10.0.0.1")
    assert counts.enter("10.0.0.2")
    assert len(caplog.records) == 1 and "frontends_per_address_max = 2" in caplog.text
    counts.leave("10.0.0.1")
    assert counts.enter("10.0.0.1")


def test_who_has_no_address_is_not_counted():
    counts = AddressCounts(1, "frontends", "x")
    assert counts.enter("") and counts.enter("")


def test_nobody_is_remembered_who_has_left():
    counts = AddressCounts(1, "frontends", "x")
    for n in range(100):
        counts.enter(str(n))
        counts.enter(str(n))
        counts.leave(str(n))
    assert not counts._counts and not counts._reported


class Request:
    def __init__(self, peer):
        self.transport = self
        self.get_extra_info = {"peername": peer}.get


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("::1", 5, 0, 0), "::/64"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:db8:1:2::/64"),
        (("::ffff:10.0.0.1", 5, 0, 0), "10.0.0.1"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_address_is_an_ipv4_address_or_an_ipv6_network(peer, key):
    assert address_of(Request(peer)) == key


def test_a_share_is_half_unless_it_is_given():
    assert [share_of(1000, 0), share_of(1, 0), share_of(1000, 7)] == [500, 1, 7]
