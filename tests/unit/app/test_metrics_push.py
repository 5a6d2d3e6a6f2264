"""When figures are pushed, and where to; a gateway that does not answer holds nothing up."""

from __future__ import annotations

import asyncio

import pytest

from guestd.app.load_runs.metrics_push import EVERY_S, MetricsPush, push_url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://gateway:9091", "http://gateway:9091/metrics/job/guestd_load"),
        ("https://gateway/", "https://gateway/metrics/job/guestd_load"),
        ("http://gateway/metrics/job/bot/x/1", "http://gateway/metrics/job/bot/x/1"),
    ],
)
def test_a_gateway_gets_the_job_if_the_address_has_no_path(given, url):
    assert str(push_url(given)) == url


@pytest.mark.parametrize("given", ["gateway:9091", "ftp://gateway", "http://", ""])
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ValueError, match="must be a URL"):
        push_url(given)


def test_it_is_due_every_ten_seconds():
    push = MetricsPush(push_url("http://gateway"))
    due = [at_s for at_s in range(1, 35) if push.is_due(at_s)]
    assert due == [EVERY_S, 2 * EVERY_S, 3 * EVERY_S]


async def test_a_push_that_is_still_under_way_is_not_waited_for():
    heard, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer):
        heard.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    push = MetricsPush(push_url(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    push.push("a 1\n")
    await heard.wait()
    push.push("a 2\n")
    assert (push.pushed, push.failed) == (0, 1)
    assert push.problem() == (
        "1 of 1 pushes to 127.0.0.1 failed: the one before was still under way (1)"
    )
    push._task.cancel()
    await asyncio.gather(push._task, return_exceptions=True)
    await gone.wait()
    server.close()
