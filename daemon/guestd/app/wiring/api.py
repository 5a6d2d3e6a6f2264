"""The simulator and the control API: their sections, with the tokens read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from ...api.settings import ApiSettings, SimulatorSettings
from ...model.errors import ConfigError
from ..config import Config
from ..secret_files import read_secret

TOKEN_MIN = 16


def simulator_settings(config: Config) -> SimulatorSettings:
    """With its token. Raises ConfigError if that cannot be read or is not a token."""
    given = config.simulator
    return replace(given, token=_token("simulator", given.token, given.token_file))


def api_settings(config: Config) -> ApiSettings:
    """With its token. Raises ConfigError if that cannot be read or is not a token."""
    given = config.api
    return replace(given, token=_token("api", given.token, given.token_file))


def platform_asyncapi() -> bytes:
    """The AsyncAPI document of the platform's guest socket; loaded only where it is asked for."""
    from ...emulator.guest_api.asyncapi import document

    return document()


def _token(section: str, token: SecretStr | None, token_file: str | None) -> SecretStr | None:
    """The token of a section, None if it has none. Raises ConfigError."""
    if token is not None and token_file is not None:
        raise ConfigError(
            f"{section}.token", f"stands beside {section}.token_file", "give one of them"
        )
    if token_file is not None:
        field = f"{section}.token_file"
        try:
            found = read_secret(Path(token_file)).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(
                field, f"{token_file} cannot be read: {why}", "name a file we may read"
            ) from None
    elif token is not None:
        field, found = f"{section}.token", token.get_secret_value()
    else:
        return None
    if len(found) < TOKEN_MIN or not found.isascii() or not found.isprintable() or " " in found:
        remedy = "write one with: openssl rand -hex 32"
        raise ConfigError(
            field,
            f"must have at least {TOKEN_MIN} printable characters and no spaces",
            remedy,
        )
    return SecretStr(found)
