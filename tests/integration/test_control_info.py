"""What the daemon says of itself."""

from __future__ import annotations

from guestd import __version__
from guestd.app.config import Config
from guestd.app.wiring.api import daemon_facts
from guestd.app.wiring.endpoints import platform_target
from guestd.platform.settings import PlatformSettings


async def test_info_says_what_it_is_and_what_can_be_asked_for(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/v1/info")
        assert (status, found["version"], found["dialect"]) == (200, __version__, "webmessaging")
        assert found["target"]["name"] == "emulator" and found["may"] == ["read", "write"]
        _, description, _ = await client.get("/v1/openapi.json")
        has_frames = "/v1/sessions/{session}/frames" in description["paths"]
        assert ("frames" in found["features"]) is has_frames
        assert found["limits"]["ids"] == 100 and found["load_runs"] == []
        status, problem, _ = await client.get("/v1/info?x=1")
        assert (status, problem["field"]) == (422, "query.x")


def facts_of(**platform):
    config = Config(platform=PlatformSettings(**platform))
    return daemon_facts(config, platform_target(config, None))


def test_the_target_is_the_region_with_its_host_and_deployment():
    deployment = "5c1a7e52-90d4-4b6f-8a0e-7d2b3c4e5f60"
    found = facts_of(region="eu-central-1", deployment_id=deployment)
    assert (found.kind, found.region, found.deployment_id) == (
        "platform",
        "eu-central-1",
        deployment,
    )
    assert found.host == "webmessaging.mypurecloud.de"
    assert (found.sessions_max, found.text_max) == (500, 4096)


def test_another_processs_emulator_is_told_apart_from_the_platform():
    found = facts_of(emulator="http://user:secret@127.0.0.1:8080")
    assert (found.kind, found.host) == ("emulator", "127.0.0.1:8080")
