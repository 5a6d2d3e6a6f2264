"""The emulator's REST doors: deployment configuration, history, tokens, storage, and the platform side that drives agents."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web

from ..policy.buckets import SlidingCount
from . import frames
from .attachments import PRESIGN_PATH, presign
from .clockwork import draw_hex, iso
from .records import Attachment, GuestSession, Json
from .storage import TooLarge

if TYPE_CHECKING:
    from .server import Emulator

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BEARER_LIFE_S = 86_400
UPLOAD_FAULTS = ("upload_refused", "slot_expired", "upload_rejected", "upload_cut")


def problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """The platform's error body (reference §4.4)."""
    body = {"message": message, "code": code, "status": status, "contextId": "emulator", "details": [], "errors": []}
    more = {"ININ-Correlation-Id": "emulator", **(headers or {})}
    return web.json_response(body, status=status, headers=more)


async def body_of(request: web.Request) -> Json:
    """The JSON object in the request's body; an empty one if there is none. Raises HTTPBadRequest in the platform's shape."""
    raw = await request.read()
    if not raw:
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        answer = problem(400, "bad.request", "The request body is not a JSON object")
        raise web.HTTPBadRequest(text=answer.text, content_type="application/json")
    return found


def rest_routes(emulator: Emulator) -> list[web.RouteDef]:
    rest = _Rest(emulator)
    routes = [
        web.get("/webdeployments/v1/deployments/{id}/config.json", rest.config),
        web.get("/webdeployments/v1/deployments/{id}/domains.json", rest.domains),
        web.get("/api/v2/webmessaging/messages", rest.history),
        web.post("/api/v2/webdeployments/token/oauthcodegrantjwtexchange", rest.exchange),
        web.post("/api/v2/webdeployments/token/refresh", rest.refresh),
        web.delete("/api/v2/webdeployments/token/revoke", rest.revoke),
        web.post("/oauth/token", rest.token),
        web.post("/login/oauth2/v2/token", rest.token),
        web.post("/api/v2/oauth/token", rest.token),
        web.route("*", "/api/v2/webmessaging/deployments/{id}/pushdevices/{token}", rest.pushdevice),
        web.get("/api/v2/conversations/messages/{id}/details", rest.details),
        web.get("/api/v2/conversations", rest.conversations),
        web.get("/api/v2/conversations/{id}", rest.conversation),
        web.patch("/api/v2/conversations/messages/{id}/participants/{participant}", rest.participant),
        web.post("/api/v2/conversations/messages/{id}/communications/{communication}/messages", rest.agent_message),
        web.post("/api/v2/conversations/messages/{id}/communications/{communication}/typing", rest.agent_typing),
        web.post("/api/v2/conversations/messages/{id}/communications/{communication}/wrapup", rest.wrapup),
        web.post(PRESIGN_PATH, rest.presign),
        web.put("/__storage/{id}", rest.upload),
        web.get("/__storage/{id}", rest.download),
        web.route("*", "/{tail:.*}", rest.nothing),
    ]
    return [web.RouteDef(one.method, one.path, rest.faulty(one.handler), one.kwargs) for one in routes]


class _Rest:
    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    @property
    def world(self) -> Any:
        return self.emulator.world

    def faulty(self, handler: Any) -> Handler:
        """Every call may meet a fault, and is noted."""

        @wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            emulator = self.emulator
            emulator.counters["rest_calls"] += 1
            emulator.note("rest", "", f"{request.method} {request.path}".encode())
            skipped: tuple[str, ...] = UPLOAD_FAULTS if request.method != "PUT" else ()
            rule = emulator.faults.strike("rest", "", emulator.now(), path=request.path, but=skipped)
            if rule is not None and rule.kind == "slow_rest":
                await asyncio.sleep(rule.ms / 1000.0)
            elif rule is not None and rule.kind == "http_status":
                headers = {"Retry-After": str(rule.retry_after_s)} if rule.status in (429, 503) else {}
                return problem(rule.status, "fault", f"refused by a fault with {rule.status}", headers)
            elif rule is not None and rule.kind == "upload_refused":
                return web.Response(
                    status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml"
                )
            elif rule is not None and rule.kind in UPLOAD_FAULTS:
                return await self._faulty_upload(rule.kind, request)
            answer: web.StreamResponse = await handler(request)
            return answer

        return guarded

    async def _faulty_upload(self, kind: str, request: web.Request) -> web.StreamResponse:
        found = self._attachment(request)
        if found is None:
            return _denied()
        if kind == "upload_rejected":
            return await self._take(request, *found, reject=True)
        if kind == "upload_cut":
            await request.content.readany()
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        found[1].secret = draw_hex(self.world.rng)
        return _denied("Request has expired")

    async def nothing(self, request: web.Request) -> web.Response:
        return problem(404, "not.found", f"{request.path} is not there; this is guestd's emulator, not the platform")

    # ------------------------------------------------------------------ deployments (§8)

    async def config(self, request: web.Request) -> web.Response:
        deployment = self.world.deployments.get(request.match_info["id"]) or self.world.deployment(
            request.match_info["id"]
        )
        if deployment is None:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml")
        mode = deployment.conversation_disconnect
        base = f"{request.scheme}://{request.host}"
        conversations = {
            "enabled": True,
            "messagingEndpoint": "ws" + base[4:],
            "sessionDurationSeconds": deployment.session_duration_s,
            "showAgentTypingIndicator": deployment.agent_typing,
            "showUserTypingIndicator": deployment.user_typing,
            "autoStart": {"enabled": deployment.auto_start},
            "conversationDisconnect": {"enabled": mode != "disabled", "type": "Send" if mode == "disabled" else mode},
            "conversationClear": {"enabled": deployment.conversation_clear},
            "notifications": {"enabled": False, "notificationContentType": "ExcludeMessagesContent"},
            "markdown": {"enabled": True},
            "humanize": {"enabled": False},
        }
        upload = {"fileTypes": list(deployment.file_types), "maxFileSizeKB": deployment.file_kilobytes_max}
        body = {
            "id": deployment.id,
            "version": "1",
            "languages": ["en-us"],
            "defaultLanguage": "en-us",
            "apiEndpoint": base,
            "status": deployment.status,
            "auth": {"enabled": deployment.authentication, "allowSessionUpgrade": deployment.session_upgrade},
            "journeyEvents": {"enabled": False},
            "messenger": {
                "enabled": True,
                "styles": {"primaryColor": "#1f3d7a"},
                "launcherButton": {"visibility": "On"},
                "fileUpload": {"enableAttachments": True, "modes": [upload]} if deployment.file_upload else {},
                "apps": {"conversations": conversations},
            },
        }
        return web.json_response(body)

    async def domains(self, request: web.Request) -> web.Response:
        deployment = self.world.deployment(request.match_info["id"])
        if deployment is None:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml")
        domains = list(deployment.allowed_domains)
        return web.json_response({"allowAllDomains": not domains, "allowedDomains": domains})

    # ------------------------------------------------------------------ history (§11.1)

    async def history(self, request: web.Request) -> web.Response:
        now = self.emulator.now()
        session = self.world.session_of_jwt(_bearer(request), now)
        if session is None:
            return problem(401, "authentication.required", "No valid JWT; ask for one with getJwt")
        limit = self.world.limits.history_per_session_per_minute
        if limit is not None and self.world.limits.strict:
            session.history = session.history or SlidingCount(limit, 60.0)
            if not session.history.take(now):
                wait_s = ceil(session.history.ready_at(now) - now)
                return problem(429, "too.many.requests", "Too many history requests", {"Retry-After": str(wait_s)})
        try:
            number = int(request.query.get("pageNumber", "1"))
            size = int(request.query.get("pageSize", "25"))
        except ValueError:
            return problem(400, "bad.request", "pageNumber and pageSize are whole numbers")
        if number < 1 or not 1 <= size <= 500:
            return problem(400, "bad.request", "pageNumber starts at 1, pageSize is 1 to 500")
        page = self.world.history(session, number, size)
        if self.emulator.faults.strike("history", session.token, now) is not None:
            page = {**page, "entities": []}
        return web.json_response(page)

    # ------------------------------------------------------------------ tokens (§11.2, AUTH-1)

    async def token(self, request: web.Request) -> web.Response:
        raw = (await request.read()).decode(errors="replace")
        form = dict(part.partition("=")[::2] for part in raw.split("&") if part)
        grant = unquote(form.get("grant_type", request.query.get("grant_type", "")))
        basic = _basic(request.headers.get("Authorization", ""))
        client, secret = basic or (unquote(form.get("client_id", "")), unquote(form.get("client_secret", "")))
        if grant != "client_credentials":
            return web.json_response(
                {"error": "unsupported_grant_type", "description": "client_credentials only"}, status=400
            )
        if self.emulator.settings.oauth_clients.get(client) != secret:
            return web.json_response({"error": "invalid_client", "description": "authentication failed"}, status=401)
        token = draw_hex(self.world.rng)
        self.world.bearers[token] = self.emulator.now() + BEARER_LIFE_S
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": BEARER_LIFE_S})

    async def exchange(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        given = body.get("oauth")
        oauth: Json = given if isinstance(given, dict) else {}
        deployment = self.world.deployment(str(body.get("deploymentId", "")))
        code = str(oauth.get("code") or oauth.get("idToken") or "")
        if deployment is None or not deployment.authentication:
            return problem(404, "deployment.not.found", "No such deployment with authentication enabled")
        if not code or code == "bad":
            return problem(400, "bad.request", "The authorization code was refused")
        user = f"user-{code}"
        refresh = draw_hex(self.world.rng)
        self.world.refresh_tokens[refresh] = user
        return web.json_response({"jwt": self._guest_jwt(user), "refreshToken": refresh})

    async def refresh(self, request: web.Request) -> web.Response:
        user = self.world.refresh_tokens.get(str((await body_of(request)).get("refreshToken", "")))
        if user is None:
            return problem(401, "authentication.required", "The refresh token is not valid")
        return web.json_response({"jwt": self._guest_jwt(user)})

    async def revoke(self, request: web.Request) -> web.Response:
        user = self.world.users.pop(_bearer(request), None)
        if user is None:
            return problem(401, "authentication.required", "The JWT is not valid")
        for session in list(self.world.sessions.values()):
            if session.user == user:
                self.emulator.perform(self.world.fan_out(session, frames.push("LogoutEvent", {})))
        return web.Response(status=204)

    def _guest_jwt(self, user: str) -> str:
        jwt = f"{draw_hex(self.world.rng)}.{draw_hex(self.world.rng)}.{draw_hex(self.world.rng)}"
        self.world.users[jwt] = user
        return jwt

    async def pushdevice(self, request: web.Request) -> web.Response:
        """§11.3; the path's token is the session token in lower case."""
        deployment = self.world.deployment(request.match_info["id"])
        if deployment is None:
            return problem(404, "deployment.not.found", "No such deployment")
        if request.method not in ("POST", "PATCH", "DELETE"):
            return problem(405, "method.not.allowed", "POST, PATCH or DELETE")
        if request.method != "DELETE" and not (await body_of(request)).get("deviceToken"):
            return problem(400, "required.fields.missing", "deviceToken is required")
        return web.Response(status=204)

    # ------------------------------------------------------------------ the platform side (§11.4)

    def _conversation(self, request: web.Request) -> GuestSession | web.Response:
        if self.world.bearers.get(_bearer(request), 0.0) < self.emulator.now():
            return problem(401, "authentication.required", "No valid access token; POST /oauth/token first")
        session: GuestSession | None = self.world.conversations.get(request.match_info.get("id", ""))
        return session if session is not None else problem(404, "not.found", "No such conversation")

    async def details(self, request: web.Request) -> web.Response:
        if self.world.bearers.get(_bearer(request), 0.0) < self.emulator.now():
            return problem(401, "authentication.required", "No valid access token; POST /oauth/token first")
        message_id = request.match_info["id"]
        conversation_id = self.world.messages.get(message_id)
        if conversation_id is None:
            return problem(404, "not.found", f"Message {message_id} not found")
        session = self.world.conversations[conversation_id]
        body: Json = next((one for one in session.messages if one["id"] == message_id), {})
        return web.json_response(
            {
                "id": message_id,
                "conversationId": conversation_id,
                "timestamp": body.get("channel", {}).get("time", ""),
                "direction": str(body.get("direction", "")).lower(),
                "textBody": body.get("text", ""),
                "status": "delivery-success",
                "normalizedMessage": body,
            }
        )

    def _describe(self, session: GuestSession, conversation_id: str) -> Json:
        found = next(one for one in session.conversations if one.id == conversation_id)
        state = found.state
        return {
            "id": found.id,
            "startTime": iso(int(found.started * 1000)),
            **({"endTime": iso(int(found.ended * 1000))} if found.ended is not None else {}),
            "participants": [
                {
                    "id": f"{found.id}-{role}",
                    "purpose": role,
                    "messages": [{"id": f"{found.id}-{role}-c", "state": state}],
                }
                for role in ("customer", "agent")
            ],
        }

    async def conversations(self, request: web.Request) -> web.Response:
        if self.world.bearers.get(_bearer(request), 0.0) < self.emulator.now():
            return problem(401, "authentication.required", "No valid access token; POST /oauth/token first")
        running = [
            self._describe(session, session.conversation.id)
            for session in self.world.sessions.values()
            if session.conversation is not None
        ]
        return web.json_response({"entities": running, "total": len(running)})

    async def conversation(self, request: web.Request) -> web.Response:
        session = self._conversation(request)
        if isinstance(session, web.Response):
            return session
        return web.json_response(self._describe(session, request.match_info["id"]))

    async def participant(self, request: web.Request) -> web.Response:
        session = self._conversation(request)
        if isinstance(session, web.Response):
            return session
        state = str((await body_of(request)).get("state", "")).upper()
        if state == "DISCONNECTED":
            self.emulator.perform(self.world.agent_disconnects(session, self.emulator.now()))
        elif state == "CONNECTED" and session.agent is not None:
            session.agent.silent = True  # a person has taken over: the script is quiet
        elif state != "CONNECTED":
            return problem(400, "bad.request", "state is CONNECTED or DISCONNECTED")
        return web.Response(status=204)

    async def agent_message(self, request: web.Request) -> web.Response:
        session = self._conversation(request)
        if isinstance(session, web.Response):
            return session
        text = (await body_of(request)).get("textBody")
        limit = self.world.limits.agent_text_characters
        if not isinstance(text, str) or not text or (limit is not None and len(text) > limit):
            return problem(400, "bad.request", f"textBody is 1 to {limit} characters")
        body, effects = self.world.agent_says(session, text, self.emulator.now(), nickname="Agent")
        self.emulator.perform(effects)
        return web.json_response({"id": body["id"], "textBody": text, "timestamp": body["channel"]["time"]})

    async def agent_typing(self, request: web.Request) -> web.Response:
        session = self._conversation(request)
        if isinstance(session, web.Response):
            return session
        self.emulator.perform(self.world.agent_types(session, self.emulator.now()))
        return web.Response(status=204)

    async def wrapup(self, request: web.Request) -> web.Response:
        session = self._conversation(request)
        return session if isinstance(session, web.Response) else web.Response(status=204)

    # ------------------------------------------------------------------ storage (§7)

    def _attachment(self, request: web.Request) -> tuple[GuestSession | None, Attachment] | None:
        attachment_id, secret = request.match_info["id"], request.query.get("sig", "")
        attachment = self.world.loose_files.get(attachment_id)
        if attachment is not None and attachment.secret == secret:
            return None, attachment
        for session in self.world.sessions.values():
            attachment = (session.attachments or {}).get(attachment_id)
            if attachment is not None and attachment.secret == secret:
                return session, attachment
        return None

    async def presign(self, request: web.Request) -> web.Response:
        """webchat's question where to upload (SOCK-6): `filename`, `contentType`, `size` → `uploadUrl`, `metadata`."""
        if self.world.bearers.get(_bearer(request), 0.0) < self.emulator.now():
            return problem(401, "authentication.required", "No valid access token; POST /oauth/token first")
        given = presign(self.world, await body_of(request))
        return problem(400, "bad.request", given) if isinstance(given, str) else web.json_response(given)

    async def upload(self, request: web.Request) -> web.Response:
        """Any Content-Type; `{}` as the answer, for a client that parses it (§7). The event follows a little later."""
        found = self._attachment(request)
        return _denied() if found is None else await self._take(request, *found)

    async def _take(
        self, request: web.Request, session: GuestSession | None, attachment: Attachment, reject: bool = False
    ) -> web.Response:
        try:
            size, attachment.sha256 = await self.emulator.storage.store(attachment.id, request.content)
        except TooLarge:
            return web.Response(status=413, text="<Error><Code>EntityTooLarge</Code></Error>", content_type="text/xml")
        attachment.content_type = request.headers.get("Content-Type", "")
        if session is None:
            attachment.uploaded = size == attachment.size
        else:
            delay_s, size = self.emulator.settings.upload_delay_s, -1 if reject else size
            self.emulator.loop.call_later(delay_s, self._uploaded, session, attachment, size)
        return web.json_response({})

    def _uploaded(self, session: GuestSession, attachment: Attachment, size: int) -> None:
        time = iso(int(self.emulator.now() * 1000))
        if attachment.id not in (session.attachments or {}):
            return  # deleted meanwhile
        if size == attachment.size:
            attachment.uploaded = True
            body: Json = {
                "attachmentId": attachment.id,
                "downloadUrl": self.world.upload_url(attachment),
                "timestamp": time,
            }
            frame = frames.push("UploadSuccessEvent", body)
        else:
            text = f"File content does not match: {size} bytes came, {attachment.size} were announced"
            body = {"attachmentId": attachment.id, "errorCode": 4003, "errorMessage": text, "timestamp": time}
            frame = frames.push("UploadFailureEvent", body, code=400)
        self.emulator.perform(self.world.fan_out(session, frame))

    async def download(self, request: web.Request) -> web.StreamResponse:
        found = self._attachment(request)
        path = self.emulator.storage.path(request.match_info["id"])
        if found is None or not path.exists():
            return problem(404, "resource.not.found", "No such file, or the link has expired")
        return web.FileResponse(path, headers={"Content-Type": found[1].mime})


def _denied(why: str = "AccessDenied") -> web.Response:
    text = f"<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>"
    return web.Response(status=403, text=text, content_type="text/xml")


def _bearer(request: web.Request) -> str:
    """The scheme word in any case (§11.1)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None
    return user, secret
