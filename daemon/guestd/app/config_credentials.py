"""Secrets that the configuration only names: read from the service manager's credentials or from
their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ..runtime.files import NOT_REGULAR
from .config import Config
from .config_problems import ConfigPlaces, ConfigProblems
from .secret_files import SecretOfFile, read_secret


def with_credentials(
    places: ConfigPlaces, config: Config, environment: Mapping[str, str]
) -> Config:
    """`"credential:NAME"` is read from the service manager's credentials (systemd's
    LoadCredential=NAME), and the client's secret from its file."""
    platform, api, simulator = config.platform, config.api, config.simulator
    found: dict[str, Any] = {}
    if platform.proxy_url is not None:
        found["proxy_url"] = _credential(
            places, "platform.proxy_url", platform.proxy_url, environment
        )
    if platform.client_secret_file is not None:
        found["client_secret"] = SecretStr(_secret_of_file(places, platform.client_secret_file))
    elif platform.client_secret is not None:
        secret = platform.client_secret.get_secret_value()
        found["client_secret"] = SecretStr(
            _credential(places, "platform.client_secret", secret, environment)
        )
    found["oauth_clients"] = tuple(
        replace(one, secret=_client_secret(places, n, one.secret.get_secret_value(), environment))
        for n, one in enumerate(platform.oauth_clients)
    )
    if api.token is not None:
        token = _credential(places, "api.token", api.token.get_secret_value(), environment)
        api = replace(api, token=SecretStr(token))
    if simulator.token is not None:
        token = _credential(
            places, "simulator.token", simulator.token.get_secret_value(), environment
        )
        simulator = replace(simulator, token=SecretStr(token))
    own = {"platform": replace(platform, **found), "api": api, "simulator": simulator}
    return config.model_copy(update=own)


def _client_secret(
    places: ConfigPlaces, n: int, value: str, environment: Mapping[str, str]
) -> SecretStr:
    key = f"platform.oauth_clients[{n}].secret"
    name = value.removeprefix("file:")
    if name != value:
        return SecretOfFile(_secret_of_file(places, name, key), name)
    return SecretStr(_credential(places, key, value, environment))


def _credential(places: ConfigPlaces, key: str, value: str, environment: Mapping[str, str]) -> str:
    name = value.removeprefix("credential:")
    if name == value:
        return value
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder or "/" in name or not name:
        problem = (
            f"{key}: names a credential, but there is no CREDENTIALS_DIRECTORY;"
            f" run under systemd, or write {'a URL' if key.endswith('_url') else 'the secret'}"
        )
        raise ConfigProblems(places, [problem])
    try:
        return read_secret(Path(folder) / name).decode()
    except OSError as error:
        if error.strerror == NOT_REGULAR:
            raise ConfigProblems(places, [f"{key}: credential {name!r}: {NOT_REGULAR}"]) from None
        raise ConfigProblems(places, [_no_credential(key, name)]) from None
    except UnicodeDecodeError:
        raise ConfigProblems(places, [_no_credential(key, name)]) from None


def _no_credential(key: str, name: str) -> str:
    return f"{key}: there is no readable credential {name!r}; put it into /etc/credstore/{name}"


def _secret_of_file(
    places: ConfigPlaces, name: str, key: str = "platform.client_secret_file"
) -> str:
    try:
        return read_secret(Path(name)).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = f"{key}: {name} cannot be read: {reason}; name a file with the secret and no more"
        raise ConfigProblems(places, [problem]) from None
