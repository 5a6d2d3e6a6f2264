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
from .secret_files import SecretOfFile, credential_problem, is_credential_name, read_secret


class _Reader:
    """Reads each secret that is named. What cannot be read is a problem, and stays as it was."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._folder = environment.get("CREDENTIALS_DIRECTORY")
        self.problems: list[str] = []

    def secret(self, key: str, given: SecretStr) -> SecretStr:
        return SecretStr(self.text(key, given.get_secret_value()))

    def text(self, key: str, value: str) -> str:
        name = value.removeprefix("credential:")
        if name == value:
            return value
        if not self._folder or not is_credential_name(name):
            instead = "a URL" if key.endswith("_url") else "the secret"
            self.problems.append(
                f"{key}: {'; '.join(credential_problem(self._folder, name, instead))}"
            )
            return value
        try:
            return read_secret(Path(self._folder) / name).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = f"{key}: there is no readable credential {name!r}; put it into /etc/credstore/"
            if getattr(error, "strerror", None) == NOT_REGULAR:
                self.problems.append(f"{key}: credential {name!r}: {NOT_REGULAR}")
            else:
                self.problems.append(f"{why}{name}")
            return value

    def client_secret(self, key: str, given: SecretStr) -> SecretStr:
        """One of the list, which may be `file:PATH`."""
        name = given.get_secret_value().removeprefix("file:")
        if name == given.get_secret_value():
            return self.secret(key, given)
        return SecretOfFile(self.file(key, name), name)

    def file(self, key: str, name: str) -> str:
        try:
            return read_secret(Path(name)).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            self.problems.append(
                f"{key}: {name} cannot be read: {why}; name a file with the secret and no more"
            )
            return "not read"


def with_credentials(config: Config, environment: Mapping[str, str]) -> tuple[Config, list[str]]:
    """`"credential:NAME"` is read from the service manager's credentials (systemd's
    LoadCredential=NAME), and the client's secret from its file. And what cannot be read."""
    platform, read = config.platform, _Reader(environment)
    found: dict[str, Any] = {}
    if platform.proxy_url is not None:
        found["proxy_url"] = read.text("platform.proxy_url", platform.proxy_url)
    if platform.client_secret_file is not None:
        secret = read.file("platform.client_secret_file", platform.client_secret_file)
        found["client_secret"] = SecretStr(secret)
    elif platform.client_secret is not None:
        found["client_secret"] = read.secret("platform.client_secret", platform.client_secret)
    found["oauth_clients"] = tuple(
        replace(one, secret=read.client_secret(f"platform.oauth_clients[{n}].secret", one.secret))
        for n, one in enumerate(platform.oauth_clients)
    )
    own: dict[str, Any] = {"platform": replace(platform, **found)}
    if config.api.token is not None:
        own["api"] = replace(config.api, token=read.secret("api.token", config.api.token))
    if config.simulator.token is not None:
        token = read.secret("simulator.token", config.simulator.token)
        own["simulator"] = replace(config.simulator, token=token)
    return config.model_copy(update=own), read.problems
