"""Webhooks: who is told, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Len, MaxLen
from pydantic import SecretBytes, StringConstraints

from ..model.settings import Count, Doc, Seconds

WebhookEvent = Literal[
    "session.connected",
    "session.terminated",
    "webchat.session.created",
    "chat.injection.completed",
    "AGENT_ASSIST_PROMPT_INJECTED",
]


@dataclass(slots=True, frozen=True)
class WebhookTarget:
    """One `[[webhooks.targets]]`. A secret is `file:PATH`, `credential:NAME`, or the secret
    itself. A URL can hold a key in its path or query, so it is not shown."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$"),
        Doc("The target's name, unique."),
    ]
    url: Annotated[str, Doc("Where it is called: https, or http for an internal host.")] = field(
        repr=False
    )
    secrets: Annotated[
        tuple[SecretBytes, ...],
        Len(1, 2),
        Doc("What signs its webhooks, 16 bytes at least; two while one is being exchanged."),
    ]
    events: Annotated[
        tuple[WebhookEvent, ...], Doc("What it is told; everything if left out.")
    ] = ()
    time_out_s: Annotated[
        Seconds | None, Doc("How long it may take; webhooks.time_out_s if left out.")
    ] = None
    allow_internal: Annotated[
        tuple[str, ...],
        Doc("Hosts and networks that may be called although they are internal, also by http."),
    ] = ()

    def wants(self, event: str) -> bool:
        return not self.events or event in self.events


@dataclass(slots=True, frozen=True)
class WebhookSettings:
    """Webhooks: who is told what happened, how it is delivered and when it is given up."""

    targets: Annotated[
        tuple[WebhookTarget, ...],
        Doc(
            "Who is told what happens (SYNC-1), in order per conversation, each at least "
            "once, signed. In place of this line write a table per receiver; a secret is "
            '"file:PATH", "credential:NAME" or the secret itself (16 bytes at least), two '
            "while one is being exchanged; without events it is told everything; "
            "allow_internal lists internal hosts and networks that may be called, also by "
            "http:\n"
            "  [[webhooks.targets]]\n"
            '  name = "crm"\n'
            '  url = "https://crm.example.org/hooks/guestd"\n'
            '  secrets = ["file:/etc/guestd/crm.secret"]\n'
            '  events = ["session.connected", "session.terminated"]\n'
            "  time_out_s = 5.0\n"
            '  allow_internal = ["crm.internal", "10.1.0.0/16"]'
        ),
    ] = ()
    operation_hosts: Annotated[
        tuple[str, ...],
        Doc(
            "A prompt may bring a webhookUrl of its own: which hosts it may name (none "
            "listed: any public one, port 443)."
        ),
    ] = ()
    operation_allow_internal: Annotated[
        tuple[str, ...], Doc("Which internal hosts and networks a webhookUrl may name besides.")
    ] = ()
    operation_secrets: Annotated[
        tuple[SecretBytes, ...],
        MaxLen(2),
        Doc("What signs a webhook to such a URL; unsigned if nothing is listed."),
    ] = ()
    ca_file: Annotated[
        str | None,
        Doc(
            "A PEM file with the CA to trust for receivers, instead of the system's.",
            example="tls/ca.pem",
        ),
    ] = None
    time_out_s: Annotated[Seconds, Doc("How long a receiver may take.")] = 5.0
    prompt_time_out_s: Annotated[
        Seconds, Doc("How long it may take for prompts and created sessions (ASSIST-3).")
    ] = 3.0
    retry_base_s: Annotated[
        Seconds,
        Doc(
            "The pause between tries is half to all of base × 2^n, at most cap, or what "
            "Retry-After says: its base."
        ),
    ] = 1.0
    retry_cap_s: Annotated[Seconds, Doc("Its cap.")] = 300.0
    attempts_max: Annotated[
        Count,
        Doc(
            "After so many tries a webhook is a dead letter: its conversation goes on, "
            "`guestd webhooks replay` sends it again."
        ),
    ] = 100
    give_up_after_s: Annotated[
        Seconds, Doc("A webhook whose try fails later than this is a dead letter, too.")
    ] = 86_400.0
    inflight_max: Annotated[Count, Doc("Calls at once, over all hosts.")] = 1000
    inflight_per_host_max: Annotated[
        Count, Doc("Calls at once per host, so that a slow receiver slows no other.")
    ] = 20
    circuit_failures: Annotated[
        Count,
        Doc("A host that fails so often in a row is left alone for a while, then asked once."),
    ] = 5
    circuit_open_s: Annotated[
        Seconds, Doc("How long it is left alone; up to a quarter longer.")
    ] = 30.0
    held_max: Annotated[
        Count, Doc("Webhooks per target in memory; the rest wait in the journal.")
    ] = 2000


def bytes_of(secrets: tuple[SecretBytes, ...]) -> tuple[bytes, ...]:
    return tuple(one.get_secret_value() for one in secrets)
