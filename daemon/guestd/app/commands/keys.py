"""`guestd keys list | rotate | import | export | verify | sign`. Private keys are never shown."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...model.errors import CommandError, ConfigError, TokenError
from ...model.ids import fingerprint
from ...model.times import iso
from ...observe.terminal_text import one_line
from .. import exit_codes
from ..config_problems import ConfigProblems
from ..interrupts import may_interrupt
from .client_options import duration

if TYPE_CHECKING:
    from ...identity.keys import KeyRing
    from ...identity.ring import KeyEntry
    from ...identity.settings import IdentitySettings
    from ...identity.tokens import GuestTokens

app = typer.Typer(
    help="The keys that sign guest tokens: list, rotate, export; sign and verify tokens.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

File = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration that names identity.directory."),
]
Directory = Annotated[
    Path | None, typer.Option("-d", "--directory", help="The key ring's directory itself.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]

NOT_BELIEVED = 1

_TINTS = {"signing": "32", "published": "36", "overlap": "33", "retired": "2"}


class Format(StrEnum):
    PEM = "pem"
    JWKS = "jwks"


def _guarded(work: Callable[[], None]) -> None:
    may_interrupt()
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:
        raise typer.Exit(exit_codes.unread()) from None
    except (ConfigError, ConfigProblems, OSError) as error:
        raise typer.Exit(exit_codes.tell(error, exit_codes.CONFIG)) from None


def _identity(config: Path | None, directory: Path | None) -> tuple[IdentitySettings, Path]:
    """The section, and the directory of the keys: `directory` if given. Raises ConfigError."""
    from ..load_config import configured
    from ..wiring.storage import key_directory

    found = configured(config, os.environ)
    place = directory or key_directory(found, os.environ)
    if place is None:
        raise ConfigError(
            "identity.directory", "is not set", "name it with -d, or a configuration with -c"
        )
    return found.identity, place


def _ring_with_keys(settings: IdentitySettings, directory: Path) -> KeyRing:
    from ..wiring.storage import new_key_ring

    ring = new_key_ring(directory, settings)
    if ring.current().signer is None:
        remedy = "guestd keys rotate makes the first one"
        raise ConfigError("identity.directory", f"{directory} holds no key", remedy)
    return ring


def _tokens(settings: IdentitySettings, directory: Path) -> GuestTokens:
    from ...observe.metrics import Metrics
    from ..wiring.storage import new_guest_tokens

    return new_guest_tokens(settings, _ring_with_keys(settings, directory), Metrics())


def _tinted(text: str, tint: str) -> str:
    """Color only on a terminal, and not with NO_COLOR."""
    return (
        f"\x1b[{tint}m{text}\x1b[0m"
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ
        else text
    )


def _when(epoch_s: float | None) -> str | None:
    if epoch_s is None:
        return None
    return iso(datetime.fromtimestamp(epoch_s, UTC), "seconds")


@app.command("list", epilog="Example:\n\nguestd keys list -d /var/lib/guestd/keys --json")
def list_keys(config: File = None, directory: Directory = None, as_json: AsJson = False) -> None:
    """Every key: its name, whether it signs, is still valid or is retired, and until when."""

    def work() -> None:
        keys = _ring_with_keys(*_identity(config, directory)).current()
        now = datetime.now(UTC).timestamp()
        rows: list[dict[str, Any]] = [
            {
                "kid": one.kid,
                "state": one.state_at(now),
                "bits": keys.publics[one.kid].key_size if one.kid in keys.publics else None,
                "created": _when(one.created),
                "until": _when(one.until),
                "signs_from": _when(one.signs_from) if one.state == "published" else None,
            }
            for one in keys.ring.entries
        ]
        if as_json:
            print(json.dumps({"keys": rows}))
            return
        for row in rows:
            state = _tinted(row["state"].ljust(9), _TINTS[row["state"]])
            until = f"  until {row['until']}" if row["until"] else ""
            until += f"  signs from {row['signs_from']}" if row["signs_from"] else ""
            print(f"{row['kid']}  {state} made {row['created']}{until}")

    _guarded(work)


@app.command(
    epilog=(
        "Examples:\n\nguestd keys rotate -c guestd.toml --overlap 24h\n\n"
        "guestd keys rotate --overlap 0s    the previous key is rejected immediately"
    )
)
def rotate(
    config: File = None,
    directory: Directory = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            help="How long the key before stays valid: 24h, 90m; default identity.overlap_s."
        ),
    ] = None,
    kid: Annotated[
        str, typer.Option(help="The name to register it under; its thumbprint if left out.")
    ] = "",
    publish: Annotated[
        str | None,
        typer.Option(help="Show and believe it now, and let it sign only after so long: 24h, 90m."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key, which signs from now on. A running daemon notices by itself. Makes the first
    key too."""
    overlap_s = None if overlap is None else duration(overlap, "--overlap")
    publish_s = None if publish is None else duration(publish, "--publish")

    def work() -> None:
        from ..wiring.storage import new_key_ring

        settings, place = _identity(config, directory)
        ring = new_key_ring(place, settings)
        if publish_s is not None and ring.current().signer is not None:
            entry = ring.publish(publish_s, kid).ring.published
            assert entry is not None
            view = {"kid": entry.kid, "state": entry.state, "signs_from": _when(entry.signs_from)}
            words = (
                f"{entry.kid} is published and signs from {view['signs_from']}, by the running"
                " daemon"
            )
            print(json.dumps(view) if as_json else words)
            return
        lasting = settings.overlap_s if overlap_s is None else overlap_s
        _tell_turn(ring.rotate(lasting, kid).ring.entries, lasting < settings.token_life_s, as_json)

    _guarded(work)


def _tell_turn(entries: Sequence[KeyEntry], is_hard: bool, as_json: bool) -> None:
    """The key that signs now, and what became of the one before, which stands behind it and what is
    published."""
    before = next((one for one in entries[1:] if one.state != "published"), None)
    if as_json:
        past = (
            {"kid": before.kid, "state": before.state, "until": _when(before.until)}
            if before
            else None
        )
        print(json.dumps({"kid": entries[0].kid, "before": past}))
    else:
        print(f"{entries[0].kid} signs from now on; guestd keys export gives its public half")
        if before is not None:
            until = f"valid until {_when(before.until)}" if before.state == "overlap" else "retired"
            print(f"{before.kid} is {until}")
    if before is not None and is_hard:
        print(
            "guestd: tokens signed before are now refused while they are still alive",
            file=sys.stderr,
        )


@app.command(
    "import",
    epilog=(
        "Example:\n\nguestd keys import guest-key.pem --kid webchat-guest-key-v1 -d"
        " /var/lib/guestd/keys"
    ),
)
def import_key(
    file: Annotated[Path, typer.Argument(help="A private key: RSA in PEM, mode 0600.")],
    kid: Annotated[
        str, typer.Option(help="The name it is registered under; its thumbprint if left out.")
    ] = "",
    config: File = None,
    directory: Directory = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            help="How long the key before stays valid: 24h, 90m; default identity.overlap_s."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a key of your own into the ring, which signs from now on. The file itself is not needed
    any more."""
    overlap_s = None if overlap is None else duration(overlap, "--overlap")

    def work() -> None:
        from ...identity.keys import read_own
        from ..wiring.storage import new_key_ring

        settings, place = _identity(config, directory)
        lasting = settings.overlap_s if overlap_s is None else overlap_s
        entries = new_key_ring(place, settings).take(read_own(file), kid, lasting).ring.entries
        _tell_turn(entries, lasting < settings.token_life_s, as_json)

    _guarded(work)


@app.command(
    epilog="Examples:\n\nguestd keys export > guest-key.pem\n\nguestd keys export --format jwks"
)
def export(
    config: File = None,
    directory: Directory = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="pem: one public key, for upload. jwks: all that are valid."),
    ] = Format.PEM,
    kid: Annotated[
        str | None, typer.Option(help="This key; otherwise pem gives the one that signs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Public keys, to upload or to check tokens with."""

    from ...identity.pairs import jwk_of, public_pem

    def work() -> None:
        valid = _ring_with_keys(*_identity(config, directory)).valid()
        chosen = [(one, public) for one, public in valid if kid is None or one.kid == kid]
        if not chosen:
            known = ", ".join(one.kid for one, _ in valid)
            raise typer.BadParameter(
                f"no valid key is named so; there are {known}", param_hint="--kid"
            )
        if form is Format.JWKS:
            print(
                json.dumps(
                    {"keys": [jwk_of(public, one.kid) for one, public in chosen]},
                    indent=None if as_json else 2,
                )
            )
            return
        entry, public = chosen[0]
        pem = public_pem(public)
        print(
            json.dumps({"kid": entry.kid, "pem": pem}) if as_json else pem,
            end="\n" if as_json else "",
        )

    _guarded(work)


@app.command(
    epilog=(
        "Examples:\n\nguestd keys verify - < token.txt\n\nguestd keys sign ana | guestd keys verify"
        " - --json"
    )
)
def verify(
    token: Annotated[
        str,
        typer.Argument(
            help="The token, or - to read it from standard input, where ps sees nothing."
        ),
    ],
    config: File = None,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a guest token is valid, and if not, why not; exit 1 then."""

    def work() -> None:
        settings, place = _identity(config, directory)
        given = (_read_token(settings.token_bytes_max) if token == "-" else token).strip()
        tokens = _tokens(settings, place)
        try:
            claims = tokens.verify(given)
        except TokenError as error:
            if as_json:
                found = {
                    "ok": False,
                    "code": error.code,
                    "problem": str(error),
                    "fingerprint": fingerprint(given),
                }
                print(json.dumps(found))
            else:
                print(f"guestd: the token {error}", file=sys.stderr)
            raise typer.Exit(NOT_BELIEVED) from None
        if as_json:
            times = {"issued": _when(claims.issued), "expires": _when(claims.expires)}
            said = {
                "guestId": claims.guest_id,
                "kid": claims.kid,
                **times,
                "metadata": claims.metadata,
            }
            print(json.dumps({"ok": True, "fingerprint": fingerprint(given), **said}))
        else:
            print(
                f"valid: guest {one_line(claims.guest_id)}, key {claims.kid}, until"
                f" {_when(claims.expires)}"
            )

    _guarded(work)


def _read_token(bytes_max: int) -> str:
    """One byte more than is allowed is enough to know that it is too long; the spaces around it do
    not count."""
    return sys.stdin.buffer.read(bytes_max + 64).decode(errors="replace")


@app.command(epilog='Example:\n\nguestd keys sign ana --metadata \'{"tier": "premium"}\'')
def sign(
    guest_id: Annotated[
        str, typer.Argument(help="The guest's id, which becomes the claim guestId.")
    ],
    metadata: Annotated[str, typer.Option(help="More claims: a JSON object.")] = "{}",
    config: File = None,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """A guest token on standard output. It is a secret: anyone who has it is the guest, as long as
    it lives."""
    try:
        claims = json.loads(metadata)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise typer.BadParameter("is not a JSON object", param_hint="--metadata")

    def work() -> None:
        settings, place = _identity(config, directory)
        tokens = _tokens(settings, place)
        try:
            signed = tokens.sign(guest_id, claims)
        except CommandError as error:
            raise typer.BadParameter(str(error)) from None
        if as_json:
            view = {
                "kid": signed.kid,
                "expires": _when(signed.expires),
                "fingerprint": signed.fingerprint,
            }
            print(json.dumps({"token": signed.token, **view}))
        else:
            print(signed.token)

    _guarded(work)
