"""The port: the simulator that frontends connect to, and the control API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr

from ..model.settings import Count, Doc, Seconds, SecondsOrZero


@dataclass(slots=True, frozen=True)
class SimulatorSettings:
    """The simulator: where frontends connect and act as the guest."""

    host: Annotated[
        str,
        Doc('Where frontends connect. "localhost" is both loopback addresses, 127.0.0.1 and ::1.'),
    ] = "localhost"
    port: Annotated[
        int,
        Ge(0),
        Le(65535),
        Doc("The TCP port of the simulator and the control API; 0 takes a free one."),
    ] = 3000
    origins_allowed: Annotated[
        tuple[str, ...],
        Doc(
            "Pages beside those on localhost that may connect and use /v1, by their origin, such "
            'as "https://dev.example.org", "https://*.example.org", "capacitor://localhost" or '
            '"null" (pages from files). docs/browsers.md has the forms and their risks.'
        ),
    ] = ()
    hosts_allowed: Annotated[
        tuple[str, ...],
        Doc(
            "Names and addresses beside localhost that this port answers to, without a port (a "
            "guard against DNS rebinding)."
        ),
    ] = ()
    token: Annotated[
        SecretStr | None,
        Doc(
            'What a frontend must give, as "Authorization: Bearer …" or ?access_token=…; '
            "written like api.token. On loopback none is needed; a daemon whose simulator "
            "listens beyond it starts only with one, or with open = true.",
            example="0123456789abcdef0123456789abcdef",
        ),
    ] = None
    token_file: Annotated[
        str | None,
        Doc(
            "A file that holds this token and nothing else.", example="/etc/guestd/simulator-token"
        ),
    ] = None
    open: Annotated[
        bool,
        Doc(
            "true: no token is needed beyond loopback either. Then anyone who reaches the "
            "port reads and speaks as any guest."
        ),
    ] = False
    frame_bytes_max: Annotated[
        int,
        Ge(1024),
        Doc(
            "The longest message, all its fragments together. A longer one is skipped and "
            "answered with too_large; the socket stays open."
        ),
    ] = 1_048_576
    frontends_max: Annotated[Count, Doc("Frontends at once.")] = 1000
    frontends_per_address_max: Annotated[
        int,
        Ge(0),
        Doc(
            "Of these, how many one remote address may have (an IPv6 /64 counts as one); 0:"
            " half. Behind a reverse proxy every client has the proxy's address: then set "
            "it to frontends_max."
        ),
    ] = 0
    queue_events_max: Annotated[
        int,
        Ge(16),
        Doc(
            "Events that may wait for one slow frontend; when full it is closed (1013) with"
            " its resume cursor."
        ),
    ] = 256
    queue_bytes_max: Annotated[
        int,
        Ge(16_384),
        Doc("Bytes that may wait for one slow frontend; when full it is closed in the same way."),
    ] = 1_048_576
    held_bytes_max: Annotated[
        int,
        Ge(1_048_576),
        Doc(
            "What may wait for all frontends and event streams together; over it, the one "
            "that holds most is closed as too slow."
        ),
    ] = 33_554_432
    unfinished_bytes_max: Annotated[
        int,
        Ge(1_048_576),
        Doc(
            "What all frontends together may have sent of large frames that are not "
            "finished; over it, the sender of the oldest such frame is closed (1013). 16 "
            "KiB of each are not counted."
        ),
    ] = 16_777_216
    write_timeout_s: Annotated[
        Seconds, Doc("How long a write to a frontend may make no progress.")
    ] = 10.0
    unused_after_s: Annotated[
        SecondsOrZero,
        Doc(
            "A guest session that a frontend made is ended when no frontend was connected to it for"
            " so long and no message of the guest's was accepted; 0: never. So a page that is "
            "opened and closed leaves no conversation behind for sessions.duration_s."
        ),
    ] = 60.0
    guest_email: Annotated[
        str,
        Doc(
            "What the e-mail of a webchat guest is made of whose frontend gives none "
            "(?email=): guest+HASH@example.org, with a hash of the guest's name, so that "
            "each guest has its own and keeps it. Two with one address would be in one "
            "conversation."
        ),
    ] = "guest@example.org"


@dataclass(slots=True, frozen=True)
class ApiSettings:
    """The control API, `/v1` on the simulator's port or on a Unix socket, and the port's
    connections."""

    token: Annotated[
        SecretStr | None,
        Doc(
            "The control API is /v1 on the simulator's port. Without a token it is open to "
            "this machine only, and a daemon that listens beyond loopback does not start. "
            '"Authorization: Bearer …", at least 16 characters, written here, or read from '
            'the service manager\'s credentials ("credential:api-token").',
            example="0123456789abcdef0123456789abcdef",
        ),
    ] = None
    token_file: Annotated[
        str | None,
        Doc("A file that holds this token and nothing else.", example="/etc/guestd/token"),
    ] = None
    emulator_beyond_loopback: Annotated[
        bool,
        Doc(
            "Whether callers on other machines may use the emulator's admin API, /__emulator on "
            "this port, with the same token: it shows what guests say and breaks connections."
        ),
    ] = False
    unix_socket: Annotated[
        str | None,
        Doc(
            "The same API on a Unix socket that only our own user may open; no token is "
            "asked for there.",
            example="/run/guestd/api.sock",
        ),
    ] = None
    tcp: Annotated[bool, Doc("false: not on the port, only on the Unix socket.")] = True
    head_timeout_s: Annotated[
        Seconds,
        Doc("For the whole port, the simulator included: how long a request head may take."),
    ] = 10.0
    keepalive_timeout_s: Annotated[
        Seconds, Doc("How long a connection may stay open without a request.")
    ] = 75.0
    connections_max: Annotated[
        int,
        Ge(16),
        Doc(
            "Connections of the port. At the limit the connection that has waited longest "
            "is closed for the new one; a connection with a request in progress is never "
            "closed."
        ),
    ] = 4096
    connections_per_address_max: Annotated[
        int, Ge(8), Doc("Of these, how many from one address (an IPv6 /64 counts as one).")
    ] = 2048
    new_per_address_burst: Annotated[
        Count,
        Doc(
            "New connections that one address may open at once. To read and answer the "
            "first request of a new connection takes a millisecond or two."
        ),
    ] = 250
    new_per_address_per_s: Annotated[
        float,
        Gt(0.0),
        Le(100_000.0),
        Doc(
            "And then so many in a second; more wait for their turn. Raise both behind a "
            "reverse proxy that opens a connection for each request."
        ),
    ] = 150.0
    body_bytes_max: Annotated[
        int, Ge(1024), Doc("The longest body of a request; files have their own bound.")
    ] = 1_048_576
    body_timeout_s: Annotated[Seconds, Doc("How long a body may take to arrive.")] = 30.0
    bodies_waiting_max: Annotated[
        Count,
        Doc(
            "Bodies that may be on their way; at the limit the one that has waited longest "
            "is given up, of the address that has most of them."
        ),
    ] = 256
    bodies_waiting_bytes_max: Annotated[
        int, Ge(1024), Doc("The same in bytes that have arrived.")
    ] = 33_554_432
    requests_max: Annotated[
        Count,
        Doc(
            "Requests in progress at once, counted from when the body has arrived; one more"
            " is answered 503. Followers of events and files that arrive are counted by "
            "themselves."
        ),
    ] = 512
    requests_per_address_max: Annotated[Count, Doc("Of these, how many from one address.")] = 256
    watchers_max: Annotated[Count, Doc("Followers of events at once.")] = 1000
    watchers_per_address_max: Annotated[
        int,
        Ge(0),
        Doc(
            "Of these, how many one remote address may have; 0: half. A Unix socket is not counted."
        ),
    ] = 0
    uploads_max: Annotated[Count, Doc("Files arriving at once.")] = 200
    uploads_per_address_max: Annotated[Count, Doc("Of these, how many from one address.")] = 100
    upload_bytes_per_s_min: Annotated[
        Count,
        Doc(
            "A file must arrive at this rate on the whole, so that a place cannot be kept "
            "by sending a byte now and then."
        ),
    ] = 1024
    heartbeat_s: Annotated[
        Seconds, Doc("An empty line on event streams this often, so that a dead reader is noticed.")
    ] = 15.0
    answer_timeout_s: Annotated[
        Seconds, Doc("How long the journal may take before a caller is told that it is slow.")
    ] = 10.0
    wait_max_s: Annotated[
        Seconds,
        Doc("The longest ?wait= for an operation's end, and ?wait_s= for a session to be live."),
    ] = 60.0
