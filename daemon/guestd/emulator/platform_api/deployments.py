"""Deployment configuration as the CDN serves it (protocol §8), and push devices (§11.3)."""

from __future__ import annotations

from aiohttp import web

from ..settings import Deployment
from .context import PlatformContext
from .http_answers import access_denied, body_of, problem, url_asked


class DeploymentRoutes:
    def __init__(self, server: PlatformContext) -> None:
        self._server = server
        self._world = server.world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/webdeployments/v1/deployments/{id}/config.json", self.config),
            web.get("/webdeployments/v1/deployments/{id}/domains.json", self.domains),
            web.route(
                "*", "/api/v2/webmessaging/deployments/{id}/pushdevices/{token}", self.pushdevice
            ),
        ]

    async def config(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        deployment = self._world.deployments.get(wanted) or self._world.deployment(wanted)
        if deployment is None:
            return access_denied()
        return web.json_response(_describe(deployment, url_asked(self._server, request)))

    async def domains(self, request: web.Request) -> web.Response:
        deployment = self._world.deployment(request.match_info["id"])
        if deployment is None:
            return access_denied()
        domains = list(deployment.allowed_domains)
        return web.json_response({"allowAllDomains": not domains, "allowedDomains": domains})

    async def pushdevice(self, request: web.Request) -> web.Response:
        """The path's token is the session token in lower case."""
        deployment = self._world.deployment(request.match_info["id"])
        if deployment is None:
            return problem(404, "deployment.not.found", "No such deployment")
        if request.method not in ("POST", "PATCH", "DELETE"):
            return problem(405, "method.not.allowed", "POST, PATCH or DELETE")
        place = deployment.id, request.match_info["token"].lower()
        if request.method == "DELETE":
            self._world.push_devices.pop(place, None)
            return web.Response(status=204)
        device = await body_of(request)
        if not device.get("deviceToken"):
            return problem(400, "required.fields.missing", "deviceToken is required")
        is_known = place in self._world.push_devices
        if request.method == "POST" and is_known:
            return problem(
                409, "device.already.registered", "The device is registered; change it with PATCH"
            )
        if request.method == "PATCH" and not is_known:
            return problem(404, "device.not.found", "No such device; register it with POST")
        self._world.register_device(*place, device)
        return web.Response(status=204)


def _describe(deployment: Deployment, base: str) -> dict[str, object]:
    mode = deployment.conversation_disconnect
    conversations = {
        "enabled": True,
        "messagingEndpoint": "ws" + base[4:],
        "sessionDurationSeconds": deployment.session_duration_s,
        "showAgentTypingIndicator": deployment.agent_typing,
        "showUserTypingIndicator": deployment.user_typing,
        "autoStart": {"enabled": deployment.auto_start},
        "conversationDisconnect": {
            "enabled": mode != "disabled",
            "type": "Send" if mode == "disabled" else mode,
        },
        "conversationClear": {"enabled": deployment.conversation_clear},
        "notifications": {"enabled": False, "notificationContentType": "ExcludeMessagesContent"},
        "markdown": {"enabled": True},
        "humanize": {"enabled": False},
    }
    upload = {
        "fileTypes": list(deployment.file_types),
        "maxFileSizeKB": deployment.file_kilobytes_max,
    }
    return {
        "id": deployment.id,
        "version": "1",
        "languages": ["en-us"],
        "defaultLanguage": "en-us",
        "apiEndpoint": base,
        "status": deployment.status,
        "auth": {
            "enabled": deployment.authentication,
            "allowSessionUpgrade": deployment.session_upgrade,
        },
        "journeyEvents": {"enabled": False},
        "messenger": {
            "enabled": True,
            "styles": {"primaryColor": "#1f3d7a"},
            "launcherButton": {"visibility": "On"},
            "fileUpload": (
                {"enableAttachments": True, "modes": [upload]} if deployment.file_upload else {}
            ),
            "apps": {"conversations": conversations},
        },
    }
