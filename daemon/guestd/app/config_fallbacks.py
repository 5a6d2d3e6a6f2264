"""Variables that other tools for Genesys Cloud read: Terraform's provider, the platform's SDKs.

They stand in only where the configuration means the real platform and leaves the key out, so that a
shell that was set up for another tool does not turn the embedded emulator into a production org.
What is taken is said at the start, and a secret never.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REGIONS = ("GENESYS_REGION", "GENESYSCLOUD_REGION")
CLIENT_ID, CLIENT_SECRET = "GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_SECRET"

_PLACES = ("region", "guest_socket_url", "emulator")
_CLIENTS = ("client_id", "client_secret", "client_secret_file", "oauth_clients")


def fallbacks(
    platform: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """What `[platform]` gets, as (variable, value) by key, and a sentence for each."""
    found: dict[str, tuple[str, str]] = {}
    said: list[str] = []
    region = next((name for name in REGIONS if environment.get(name, "").strip()), None)
    if region is not None and not _has(platform, _PLACES):
        if platform.get("deployment_id"):
            found["region"] = (region, environment[region].strip())
            said.append(f"platform.region is {found['region'][1]!r}, from {region}")
        else:
            said.append(f"{region} is not used: platform.deployment_id is not set")
    is_the_platform = "region" in found or _has(platform, ("region", "guest_socket_url"))
    if is_the_platform and not _has(platform, (*_CLIENTS, "emulator")):
        said += _client(found, environment)
    return found, said


def _client(found: dict[str, tuple[str, str]], environment: Mapping[str, str]) -> list[str]:
    client = environment.get(CLIENT_ID, "").strip()
    secret = environment.get(CLIENT_SECRET, "").strip()
    if client and secret:
        found |= {"client_id": (CLIENT_ID, client), "client_secret": (CLIENT_SECRET, secret)}
        return [
            f"platform.client_id is {client!r}, from {CLIENT_ID};"
            f" platform.client_secret is from {CLIENT_SECRET}"
        ]
    if client or secret:
        given, missing = (CLIENT_ID, CLIENT_SECRET) if client else (CLIENT_SECRET, CLIENT_ID)
        return [f"{given} is not used: {missing} is not set"]
    return []


def _has(platform: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    return any(platform.get(key) for key in keys)
