"""The keys that sign guest tokens, and the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MultipleOf
from pydantic import StringConstraints

from ..model.settings import Doc, Seconds, SecondsOrZero

KeyId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]


@dataclass(slots=True, frozen=True)
class IdentitySettings:
    """The keys that sign guest tokens, and those tokens."""

    directory: Annotated[
        str | None,
        Doc(
            "Where the keys that sign guest tokens are kept, mode 0700 and ours; `keys` in "
            "the journal's directory if left out. Without either there are no guest tokens."
            " The first token makes the first key, or `guestd keys rotate` does.",
            example="/var/lib/guestd/keys",
        ),
    ] = None
    key_bits: Annotated[
        int,
        Ge(2048),
        Le(8192),
        MultipleOf(256),
        Doc("The size of a new RSA key. A signature of 4096 bits costs about six times as much."),
    ] = 2048
    overlap_s: Annotated[
        SecondsOrZero,
        Doc(
            "How long the previous key stays valid after `guestd keys rotate`; at"
            " least a token's life."
        ),
    ] = 86_400.0
    keys_max: Annotated[
        int,
        Ge(2),
        Doc(
            "Keys valid at once, and retired ones remembered by name; one more rotation is refused."
        ),
    ] = 16
    reread_s: Annotated[
        SecondsOrZero,
        Doc("A running daemon checks at most so often whether the command line has rotated."),
    ] = 1.0
    token_life_s: Annotated[Seconds, Ge(1), Doc("A guest token's life.")] = 300.0
    leeway_s: Annotated[
        SecondsOrZero, Doc("How far another clock may be off when a token is checked.")
    ] = 5.0
    token_bytes_max: Annotated[
        int,
        Ge(1024),
        Doc("A longer token is neither signed nor read: it has to fit into a header."),
    ] = 8192
    issuer: Annotated[
        str | None,
        Doc(
            "The claim iss: set in what is signed, and required in what is checked.",
            example="https://chat.example.org",
        ),
    ] = None
    audience: Annotated[
        str | None,
        Doc(
            "The claim aud: set in what is signed, and required in what is checked.",
            example="genesys",
        ),
    ] = None
    kid: Annotated[
        KeyId | None,
        Doc(
            "The key id under which the key was registered with the platform: of the key in"
            " key_file, or of the first key that is made. A key that is made is named by "
            "its thumbprint if left out.",
            example="webchat-guest-key-v1",
        ),
    ] = None
    key_file: Annotated[
        str | None,
        Doc(
            "A private key of your own, RSA in PEM, mode 0600: taken into the ring when a "
            "start does not find it there, and signs from then on.",
            example="/etc/guestd/guest-key.pem",
        ),
    ] = None
    rotate_every: Annotated[
        Annotated[Seconds, Ge(3600)] | None,
        Doc(
            "A running daemon makes a new key so often, an hour at least; keys are rotated "
            "by hand only if left out. The previous key stays valid for overlap_s.",
            example="30d",
        ),
    ] = None
    publish_before: Annotated[
        SecondsOrZero,
        Doc(
            "A new key is published (JWKS, keys export) so long before it signs, so that it"
            " can be registered."
        ),
    ] = 86_400.0

    def __post_init__(self) -> None:
        if self.rotate_every is not None and self.publish_before >= self.rotate_every:
            raise ValueError(
                "publish_before must be shorter than rotate_every; publish a key later, or rotate"
                " less often"
            )
