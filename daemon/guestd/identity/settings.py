"""What the room of identity needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True, frozen=True)
class IdentitySettings:
    """Defaults are the contract's (GUEST-1, GUEST-2); seconds, bits and bytes. `directory` holds
    the key ring. `kid`: the name under which the first key, or that of `key_file`, is registered.
    `rotate_every_s` None: keys are rotated by hand only; else a new key is published `publish_s`
    before it signs."""

    directory: Path
    key_bits: int = 2048
    overlap_s: float = 86_400.0
    keys_max: int = 16
    reread_s: float = 1.0
    token_life_s: float = 300.0
    leeway_s: float = 5.0
    token_bytes_max: int = 8192
    issuer: str | None = None
    audience: str | None = None
    kid: str | None = None
    key_file: Path | None = None
    rotate_every_s: float | None = None
    publish_s: float = 86_400.0
