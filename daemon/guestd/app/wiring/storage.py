"""What is kept on disk: the journal, the keys, our own copies of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...identity.settings import IdentitySettings
from ...observe.metrics import Metrics
from ...spool.spool import Spool
from ..config import Config

if TYPE_CHECKING:
    from ...identity.keys import KeyRing
    from ...identity.tokens import GuestTokens
    from ...operations.workflow import SignToken


def journal_directory(config: Config, environment: Mapping[str, str]) -> Path | None:
    """Configured, or given by the service manager (the first of StateDirectory=), or none:
    memory."""
    found = config.journal.directory or environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(found) if found else None


def key_directory(config: Config, environment: Mapping[str, str]) -> Path | None:
    """Where the keys of guest tokens are: configured, or `keys` in the journal's directory, or
    None; then there are no guest tokens."""
    journal = journal_directory(config, environment)
    if config.identity.directory is not None:
        return Path(config.identity.directory)
    return journal / "keys" if journal is not None else None


def new_key_ring(directory: Path, settings: IdentitySettings) -> KeyRing:
    """Imported only where there are keys: cryptography takes some fifty milliseconds to load."""
    from ...identity.keys import KeyRing

    return KeyRing(directory, settings)


def new_guest_tokens(settings: IdentitySettings, ring: KeyRing, metrics: Metrics) -> GuestTokens:
    from ...identity.tokens import GuestTokens

    return GuestTokens(settings, ring, metrics)


def guest_token_signer(
    settings: IdentitySettings, ring: KeyRing | None, metrics: Metrics
) -> SignToken | None:
    """Signs the token of a guest who brings none (SESS-7, GUEST-1); None where no keys are
    configured."""
    if ring is None:
        return None
    tokens = new_guest_tokens(settings, ring, metrics)

    def sign(guest_id: str, attributes: Mapping[str, Any]) -> tuple[str, int]:
        signed = tokens.sign(guest_id, attributes)
        return signed.token, signed.expires * 1000

    return sign


def new_spool(config: Config, environment: Mapping[str, str]) -> Spool:
    """In its own directory if one is named, else beside the journal, else a private one that ends
    with the process."""
    attachments, journal = config.attachments, journal_directory(config, environment)
    directory = (
        Path(attachments.spool_directory)
        if attachments.spool_directory
        else journal and journal / "spool"
    )
    return Spool(directory, attachments, durable=journal is not None)
