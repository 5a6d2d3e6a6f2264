"""No host inside is ever called: every form of an internal address, with a real socket listening
behind it (SYNC-1)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

from guestd.model.records import DeliveryRecord
from guestd.webhooks.delivery_client import DeliveryClient, DeliveryTarget
from guestd.webhooks.ssrf_guard import SsrfGuard

RECORD = DeliveryRecord("id-1", "crm", "lane", "session.connected", b"{}")

#: Every one of these leads to this machine, if somebody reads it so.
FORMS = """
127.0.0.1 127.0.0.1. 127.1 127.0.1 127.00.00.01 2130706433 017700000001 0x7f000001 0x7f.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1
0177.0.0.1 0177.0.01 127.0.0.01 0 0.0.0.0 0x0 127.127.127.127 localhost LOCALHOST localhost. LocalHost.
[::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::ffff:0:127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1]
[64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [fe80::1] [fe80::1%25lo] [::1%25lo] [fc00::1]
%6c%6f%63%61%6c%68%6f%73%74 %31%32%37.0.0.1 ①②⑦.⓪.⓪.① ⓛⓞⓒⓐⓛⓗⓞⓢⓣ 127。0。0。1 user@127.0.0.1 8.8.8.8@127.0.0.1 8.8.8.8\\@127.0.0.1
crm.example.org#@127.0.0.1 crm.example.org\\.127.0.0.1 127.0.0.1%00.example.org 127.0.0.1\t
"""


class Listening:
    connects = 0

    def came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        writer.transport.abort()


@asynccontextmanager
async def listening():
    found = Listening()
    first = await asyncio.start_server(found.came, "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    servers = [first]
    with suppress(OSError):
        servers.append(await asyncio.start_server(found.came, "::1", port))
    try:
        yield found, port
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


async def send(url: str, *guards: SsrfGuard, lookup=None):
    client = DeliveryClient(lookup=lookup)
    try:
        return [
            await client.deliver(RECORD, DeliveryTarget(url, (), 2.0, guard), 1) for guard in guards
        ]
    finally:
        await client.close()


async def test_the_counter_counts():
    async with listening() as (inside, port):
        [outcome] = await send(f"http://127.0.0.1:{port}/", SsrfGuard(["127.0.0.0/8"]))
        assert inside.connects == 1 and outcome.host_failed
        await send(f"http://localhost:{port}/", SsrfGuard(["localhost"]))
        assert inside.connects >= 2


async def test_sync_1_no_form_of_an_internal_address_is_connected_to():
    guards = (SsrfGuard(), SsrfGuard(["crm.internal", "10.0.0.0/8"]))
    async with listening() as (inside, port):
        client, found = DeliveryClient(), {}
        for form in FORMS.split():
            for url in (f"http://{form}:{port}/", f"https://{form}:{port}/"):
                for guard in guards:
                    outcome = await client.deliver(RECORD, DeliveryTarget(url, (), 2.0, guard), 1)
                    found[form, inside.connects] = outcome.reason
        await client.close()
    assert {form for form, connects in found if connects} == set()
    assert all(
        "refused" in reason or "cannot be resolved" in reason for reason in found.values()
    ), found


async def test_sync_1_a_name_that_leads_inside_is_not_connected_to_whatever_stands_beside():
    async def leads_inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "one.example" else ["127.0.0.2", "127.0.0.1"]

    async with listening() as (inside, port):
        for host in ("one.example", "two.example"):
            [outcome] = await send(
                f"https://{host}:{port}/", SsrfGuard(["127.0.0.2"]), lookup=leads_inside
            )
            assert (
                "127.0.0.1" in outcome.reason and "refused" in outcome.reason and not outcome.final
            )
        assert inside.connects == 0


async def test_sync_1_a_name_that_changes_its_mind_gets_nowhere():
    """What is connected to is what was checked: no second answer is acted on. 127.0.0.2 plays the
    public address."""
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2"], ["::1"], ["::ffff:127.0.0.1"]])
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        found = next(answers)
        asked.append(found)
        return found

    async with listening() as (inside, port):
        client = DeliveryClient(lookup=rebinding)
        guard = SsrfGuard(["127.0.0.2"])
        for _ in range(5):
            await client.deliver(
                RECORD, DeliveryTarget(f"https://moody.example:{port}/", (), 2.0, guard), 1
            )
        await client.close()
        assert inside.connects == 0 and len(asked) == 5, "asked once for each connection"


async def test_the_environments_proxy_is_not_used(monkeypatch):
    async with listening() as (inside, port):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")

        async def nowhere(host: str, port: int) -> list[str]:
            raise OSError

        await send("https://crm.example.org/", SsrfGuard(), lookup=nowhere)
        assert inside.connects == 0
