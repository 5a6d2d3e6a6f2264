"""A deployment's public configuration (reference §8): does it exist, is it active, what does it allow?"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..model.errors import PlatformRefused
from ..model.ports import DeploymentFacts
from .http import Http


async def fetch_deployment(http: Http, cdn: str, deployment_id: str) -> DeploymentFacts:
    """Raises PlatformRefused with what to do if the deployment is unknown or inactive, PlatformUnavailable if nobody answers."""
    url = f"{cdn}/webdeployments/v1/deployments/{quote(deployment_id, safe='')}/config.json"
    try:
        found = await http.get_object(url)
    except PlatformRefused as error:
        if error.status in (400, 403, 404):
            raise PlatformRefused(
                f"deployment {deployment_id} is unknown or refused (status {error.status}); check platform.deployment_id and"
                " platform.region against the Messenger deployment in Genesys Cloud Admin",
                status=error.status,
                platform_code="deployment.not.found",
            ) from None
        raise
    if found.get("status", "Active") != "Active":
        raise PlatformRefused(
            f"deployment {deployment_id} is {found['status']}; activate it in Genesys Cloud Admin",
            platform_code="deployment.inactive",
        )
    return facts_of(found)


def facts_of(config: dict[str, Any]) -> DeploymentFacts:
    """Read tolerantly: what is absent or odd counts as the platform's default."""
    conversations = _dig(config, "messenger", "apps", "conversations")
    return DeploymentFacts(
        active=True,
        auto_start=_dig(conversations, "autoStart").get("enabled") is True,
        conversation_clear=_dig(conversations, "conversationClear").get("enabled") is True,
        user_typing=conversations.get("showUserTypingIndicator") is not False,
    )


def _dig(value: dict[str, Any], *path: str) -> dict[str, Any]:
    for key in path:
        found = value.get(key)
        value = found if isinstance(found, dict) else {}
    return value
