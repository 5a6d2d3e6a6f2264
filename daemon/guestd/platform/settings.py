"""Which deployment of which org, and how its REST side is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import BeforeValidator, SecretStr

from ..model.outbound_route import OutboundRoute
from ..model.settings import Count, Doc, Seconds, SecondsOrZero
from ..policy.retry import Jitter, RetryPolicy


def _flat(value: Any) -> Any:
    """A name with a dot that was written without quotes is a table in TOML; it means the same."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, Any] = {}
    for key, one in value.items():
        flat |= (
            {f"{key}.{rest}": path for rest, path in one.items()}
            if isinstance(one, dict)
            else {key: one}
        )
    return flat


ClientAuth = Literal["basic", "form"]
Paths = Annotated[dict[str, str], BeforeValidator(_flat)]


@dataclass(slots=True, frozen=True)
class OAuthClient:
    """One `[[platform.oauth_clients]]`. A secret is `file:PATH`, `credential:NAME`, or the secret
    itself."""

    id: Annotated[str, MinLen(1), Doc("The client's id.")]
    secret: Annotated[
        SecretStr, Doc('Its secret: "file:PATH", "credential:NAME" or the secret itself.')
    ]
    scope: Annotated[
        str | None, Doc("Scopes to ask for with its token; all that it has if left out.")
    ] = None
    requests_per_minute: Annotated[
        Count | None, Doc("Its budget; rest.requests_per_minute if left out.")
    ] = None


@dataclass(frozen=True)
class DeploymentAddress:
    """Which deployment of which org, and who we say we are."""

    region: Annotated[
        str | None,
        Doc(
            "A domain (mypurecloud.de), an AWS region (eu-central-1), or a local test name "
            "(emu.test:8443, localhost:8443). Leave region, emulator and guest_socket_url out, "
            "and the embedded emulator stands in for the platform.",
            example="mypurecloud.de",
        ),
    ] = None
    deployment_id: Annotated[
        str | None,
        Doc(
            "The Messenger deployment, from Genesys Cloud Admin; needed with a region in "
            "the webmessaging dialect.",
            example="0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10",
        ),
    ] = None
    dialect: Annotated[
        Literal["webmessaging", "webchat"],
        Doc("webmessaging is the real platform's Guest API; webchat the legacy frames."),
    ] = "webmessaging"
    origin: Annotated[
        str | None,
        Doc(
            "Sent as Origin; needed if the deployment restricts its domains.",
            example="https://www.example.org",
        ),
    ] = None
    application: Annotated[
        str | None,
        Doc(
            "How this client names itself to the platform; guestd-VERSION if left out.",
            example="guestd",
        ),
    ] = None


@dataclass(frozen=True)
class PlatformSettings(OutboundRoute, DeploymentAddress):
    """Which deployment of which org. Without region, emulator and guest_socket_url the embedded
    emulator stands in for the platform."""

    emulator: Annotated[
        str | None,
        Doc(
            "A running `guestd emulate` in place of the platform, by its URL. It is all that is "
            "needed: socket, REST side and token endpoint are there, and it is asked for its "
            "deployment and OAuth client.",
            example="http://localhost:8080",
        ),
    ] = None

    guest_socket_url: Annotated[
        str | None,
        Doc(
            "The guest socket in place of the region's: ws:// or wss://, scheme and host; "
            "webmessaging.<region> if left out, in the webchat dialect webchat.<region>.",
            example="ws://127.0.0.1:8080",
        ),
    ] = None
    api_url: Annotated[
        str | None, Doc("The REST side in place of the region's.", example="http://127.0.0.1:8080")
    ] = None
    cdn_url: Annotated[
        str | None,
        Doc(
            "Where the deployment's configuration is read, in place of the region's.",
            example="http://127.0.0.1:8080",
        ),
    ] = None
    client_id: Annotated[
        str | None,
        Doc(
            "The OAuth client (grant type Client Credentials) for everything that is not "
            "the guest socket. With the embedded emulator it may be left out.",
            example="6c1f7c8e-0f3f-4b0e-9d52-3d1f0a7e9b10",
        ),
    ] = None
    client_secret: Annotated[
        SecretStr | None,
        Doc(
            "Its secret: written here, or read from the service manager's credentials "
            '("credential:NAME").',
            example="credential:platform-secret",
        ),
    ] = None
    client_secret_file: Annotated[
        str | None,
        Doc(
            "A file that holds the secret and nothing else; it should be readable by its "
            "owner only.",
            example="credentials/platform-secret",
        ),
    ] = None
    client_auth: Annotated[
        ClientAuth,
        Doc("How the client authenticates: basic (an Authorization header) or form."),
    ] = "basic"
    scope: Annotated[
        str | None,
        Doc(
            "Scopes to ask for with the token, with spaces between them; all that the "
            "client has if left out.",
            example="conversations:messaging interaction:chat:write",
        ),
    ] = None
    oauth_clients: Annotated[
        tuple[OAuthClient, ...],
        Doc(
            "Several OAuth clients that share the load, each with a budget and a token of "
            "its own, in place of client_id. A request goes as the client with the most of "
            "its budget left, one with an idempotency key as the client that its key "
            "belongs to, even if that one has to wait; a client that is refused or told to "
            "wait leaves the others alone. In place of this line write a table per client; "
            'a secret is "file:PATH", "credential:NAME" or the secret itself; scope and '
            "requests_per_minute may be left out:\n"
            "  [[platform.oauth_clients]]\n"
            '  id = "6c1f7c8e-0f3f-4b0e-9d52-3d1f0a7e9b10"\n'
            '  secret = "credential:first-secret"\n'
            "  requests_per_minute = 300\n"
            '  scope = "conversations:messaging"'
        ),
    ] = ()
    token_url: Annotated[
        str | None,
        Doc(
            "The token endpoint; https://login.<region>/oauth/token if left out. A "
            "grant_type in its query is not repeated in the body.",
            example="https://login.mypurecloud.de/oauth/token",
        ),
    ] = None
    paths: Annotated[
        Paths,
        Doc(
            "Paths of your org in place of the documented ones, by the name of the call; "
            "placeholders stay as they are:\n"
            '  "interaction.inject" = "/api/v2/interactions/chat/inject"\n'
            '  "conversation.get" = "/api/v2/conversations/messaging/{conversationId}"'
        ),
    ] = field(default_factory=dict)

    @property
    def is_given(self) -> bool:
        places = (self.region, self.emulator, self.guest_socket_url)
        return any(one is not None for one in places)

    @property
    def has_client(self) -> bool:
        """There is an OAuth client for the platform's REST side."""
        return self.client_id is not None or bool(self.oauth_clients)


@dataclass(slots=True, frozen=True)
class RestSettings:
    """The platform's REST side: time limits, retries, the budget."""

    timeout_s: Annotated[
        Seconds, Doc("The time limit of one attempt of a call (all but the history).")
    ] = 10.0
    deadline_s: Annotated[
        Seconds,
        Doc(
            "The time limit of the whole call: its retries, the wait for a token and for a "
            "turn in the budget."
        ),
    ] = 30.0
    attempts_max: Annotated[
        Count,
        Doc(
            "How often a call is tried, the first included. 429, 502, 503, 504 and broken "
            "connections are tried again, where that cannot do a thing twice. What makes the call "
            "may make it again later (operations.tries_max, attachments.attempts_max): the numbers "
            "multiply."
        ),
    ] = 3
    base_s: Annotated[Seconds, Doc("The pause before the second try; it doubles from there.")] = 1.0
    cap_s: Annotated[Seconds, Doc("The longest pause.")] = 5.0
    jitter: Annotated[
        Jitter,
        Doc(
            '"equal": each pause is up to half as much longer at random; "full": anything '
            "up to the pause."
        ),
    ] = "equal"
    retry_after_cap_s: Annotated[
        Seconds, Doc("A Retry-After is obeyed, but no longer than this.")
    ] = 10.0
    requests_per_minute: Annotated[
        Count,
        Doc(
            "The platform's own limit per OAuth client, in any minute, retries included. "
            "Callers wait in line within their deadline, commands first; heartbeats take "
            "three quarters at most, and whatever is not a command is spread over the "
            "minute."
        ),
    ] = 300
    token_buffer_s: Annotated[
        SecondsOrZero,
        Doc("A token is renewed this long before it expires, but never before half of its life."),
    ] = 60.0
    refused_rest_s: Annotated[
        SecondsOrZero, Doc("A refused OAuth client is not presented again before this.")
    ] = 10.0
    connections_max: Annotated[Count, Doc("Connections of the pool (the history's as well).")] = 32
    answer_bytes_max: Annotated[int, Ge(1024), Doc("The longest answer that is read.")] = 8_388_608

    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            self.attempts_max,
            self.base_s,
            self.cap_s,
            self.jitter,
            self.retry_after_cap_s,
            self.deadline_s,
        )
