"""RFC 8305: the order of attempts, and the race between them. No network; who answers is decided by
the test."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from guestd.transport.eyeballs import ADDRESSES_MAX, ConnectedSocket, connected, in_turns


class Network:
    """Each address answers when the test says so; `begun` is the order of attempts, `given_up`
    those cancelled."""

    def __init__(self, *, refused: tuple[str, ...] = (), silent: tuple[str, ...] = ()) -> None:
        self.refused, self.silent = refused, silent
        self.begun: list[str] = []
        self.given_up: list[str] = []
        self.opened: dict[str, Connection] = {}

    async def connect(self, address: str) -> ConnectedSocket:
        self.begun.append(address)
        if address in self.refused:
            raise ConnectionRefusedError(f"{address} refused")
        try:
            if address in self.silent:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.given_up.append(address)
            raise
        self.opened[address] = Connection()
        return self.opened[address]


class Connection(ConnectedSocket):
    """One of no network, that knows whether it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def network():
    return Network


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["1.1.1.1"], ["1.1.1.1"]),
        (["::1", "::2", "1.1.1.1", "1.1.1.2"], ["::1", "1.1.1.1", "::2", "1.1.1.2"]),
        (["1.1.1.1", "1.1.1.2", "1.1.1.3", "::1"], ["1.1.1.1", "::1", "1.1.1.2", "1.1.1.3"]),
    ],
)
def test_families_take_turns(addresses, expected):
    assert in_turns(addresses) == expected


def test_a_name_with_a_thousand_addresses_costs_a_few_attempts_and_both_families_get_a_turn():
    many = [f"10.0.{n // 250}.{n % 250}" for n in range(1000)] + ["::1"]
    assert len(in_turns(many)) == ADDRESSES_MAX
    assert "::1" in in_turns(many)


async def test_the_next_address_is_tried_while_the_first_is_silent(network):
    net = network(silent=("1.1.1.1",))
    opened = await connected(["1.1.1.1", "1.1.1.2", "1.1.1.3"], net.connect, delay_s=0.0)
    assert opened is net.opened["1.1.1.2"] and not opened.is_closed
    assert net.begun[:2] == ["1.1.1.1", "1.1.1.2"]
    assert "1.1.1.1" in net.given_up


async def test_after_a_refusal_the_next_is_tried_at_once(network):
    net = network(refused=("1.1.1.1", "1.1.1.2"))
    opened = await connected(["1.1.1.1", "1.1.1.2", "1.1.1.3"], net.connect, delay_s=1e9)
    assert opened is net.opened["1.1.1.3"]


async def test_a_first_address_that_answers_is_the_only_one_tried(network):
    net = network()
    assert (
        await connected(["1.1.1.1", "1.1.1.2"], net.connect, delay_s=1e9) is net.opened["1.1.1.1"]
    )
    assert net.begun == ["1.1.1.1"]


async def test_if_all_refuse_the_refusal_is_raised(network):
    net = network(refused=("1.1.1.1", "1.1.1.2"))
    with pytest.raises(ConnectionRefusedError):
        await connected(["1.1.1.1", "1.1.1.2"], net.connect, delay_s=0.0)


async def test_a_refused_certificate_is_told_rather_than_a_refusal_after_it(network):
    net = network(refused=("1.1.1.2",))

    async def connect(address: str) -> ConnectedSocket:
        if address == "1.1.1.1":
            raise ssl.SSLCertVerificationError("not trusted")
        return await net.connect(address)

    with pytest.raises(ssl.SSLCertVerificationError):
        await connected(["1.1.1.1", "1.1.1.2"], connect, delay_s=0.0)


async def test_a_name_without_addresses_is_an_error_of_the_network(network):
    with pytest.raises(OSError, match="no address"):
        await connected([], network().connect)


async def test_what_wins_too_late_is_closed(network):
    net = network()
    gate = asyncio.Event()

    async def together(address: str) -> ConnectedSocket:
        await gate.wait()
        return await net.connect(address)

    race = asyncio.ensure_future(connected(["1.1.1.1", "1.1.1.2"], together, delay_s=0.0))
    while len(asyncio.all_tasks()) < 4:  # this test, the race, two attempts
        await asyncio.sleep(0)
    gate.set()
    winner = await race
    assert len(net.opened) == 2
    assert [one for one in net.opened.values() if not one.is_closed] == [winner]


async def test_a_cancelled_race_gives_up_all_attempts(network):
    net = network(silent=("1.1.1.1", "1.1.1.2"))
    race = asyncio.ensure_future(connected(["1.1.1.1", "1.1.1.2"], net.connect, delay_s=0.0))
    while len(net.begun) < 2:
        await asyncio.sleep(0)
    race.cancel()
    with pytest.raises(asyncio.CancelledError):
        await race
    assert sorted(net.given_up) == ["1.1.1.1", "1.1.1.2"]
