"""A deployment's public configuration (protocol §8): does it exist, is it active, what does it
allow?"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..model.errors import PlatformRefused
from ..model.foreign import FILE_KB_MAX, file_rules
from ..model.ports import DeploymentConfig
from ..observe.redaction import is_word
from .http import Http

#: By what name metrics and audit tell of it.
DEPLOYMENT_READ = "deployment.read"


async def fetch_deployment(http: Http, cdn: str, deployment_id: str) -> DeploymentConfig:
    """Raises PlatformRefused with what to do if the deployment is unknown or inactive,
    PlatformUnavailable without an answer."""
    url = f"{cdn}/webdeployments/v1/deployments/{quote(deployment_id, safe='')}/config.json"
    try:
        found = await http.get_object(url)
    except PlatformRefused as error:
        if error.status in (400, 401, 403, 404):
            raise PlatformRefused(
                f"deployment {deployment_id} is unknown or refused (status {error.status})",
                status=error.status,
                platform_code=error.platform_code,
                cause="deployment.not.found",
                correlation_id=error.correlation_id,
                remedy=(
                    "check platform.deployment_id and platform.region against the Messenger"
                    " deployment in Genesys Cloud Admin"
                ),
            ) from None
        raise
    status = found.get("status", "Active")
    if status != "Active":
        raise PlatformRefused(
            f"deployment {deployment_id} is {status if is_word(status) else 'not active'}",
            cause="deployment.inactive",
            remedy="activate it in Genesys Cloud Admin",
        )
    return deployment_config(found)


def deployment_config(config: dict[str, Any]) -> DeploymentConfig:
    """Read tolerantly: what is absent or odd counts as the platform's default."""
    conversations = _dig(config, "messenger", "apps", "conversations")
    types, bytes_max = _file_rules(_dig(config, "messenger", "fileUpload"))
    return DeploymentConfig(
        auto_start=_dig(conversations, "autoStart").get("enabled") is True,
        conversation_clear=_dig(conversations, "conversationClear").get("enabled") is True,
        user_typing=conversations.get("showUserTypingIndicator") is not False,
        file_types=types,
        file_bytes_max=bytes_max,
    )


def _file_rules(upload: dict[str, Any]) -> tuple[tuple[str, ...], int | None]:
    """Only where `enableAttachments` is absent; where it is there, each session is told its own
    (protocol §7)."""
    modes = upload.get("modes")
    if (
        "enableAttachments" in upload
        or not isinstance(modes, list)
        or not modes
        or not isinstance(modes[0], dict)
    ):
        return (), None
    types, kilobytes = modes[0].get("fileTypes"), modes[0].get("maxFileSizeKB")
    found = (
        file_rules([one for one in types if isinstance(one, str)])
        if isinstance(types, list)
        else ()
    )
    if type(kilobytes) is not int or not 0 < kilobytes <= FILE_KB_MAX:
        return found, None
    return found, kilobytes * 1024


def _dig(value: dict[str, Any], *path: str) -> dict[str, Any]:
    for key in path:
        found = value.get(key)
        value = found if isinstance(found, dict) else {}
    return value
