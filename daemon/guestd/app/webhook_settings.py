"""The receivers of webhooks: their secrets read, their URLs and names checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import SecretBytes

from ..model.errors import ConfigError
from ..runtime.files import NOT_REGULAR
from ..webhooks.settings import WebhookSettings
from ..webhooks.ssrf_guard import SsrfGuard, SsrfRefused
from .config import Config
from .secret_files import credential_problem, is_credential_name, read_secret

SECRET_BYTES_MIN = 16


def webhook_settings(config: Config, environment: Mapping[str, str]) -> WebhookSettings:
    """Raises ConfigError: a secret that cannot be read or is too short, a URL that must not be
    called, a name given twice."""
    settings, problems = read_webhooks(config, environment)
    if problems:
        raise problems[0]
    return settings


def read_webhooks(
    config: Config, environment: Mapping[str, str]
) -> tuple[WebhookSettings, list[ConfigError]]:
    """As `webhook_settings`, with everything that is wrong; what is wrong stays as it was."""
    hooks, problems = config.webhooks, list(_of_names_and_ca(config.webhooks))
    targets = []
    for one in hooks.targets:
        place = f"webhooks.targets.{one.name}"
        try:
            SsrfGuard(one.allow_internal).endpoint(one.url)
        except SsrfRefused as error:
            problems.append(ConfigError(f"{place}.url", error.problem, error.remedy))
        secrets = _secrets(f"{place}.secrets", one.secrets, environment, problems)
        targets.append(replace(one, secrets=secrets))
    place = "webhooks.operation_secrets"
    secrets = _secrets(place, hooks.operation_secrets, environment, problems)
    return replace(hooks, targets=tuple(targets), operation_secrets=secrets), problems


def _of_names_and_ca(hooks: WebhookSettings) -> Iterator[ConfigError]:
    names = [one.name for one in hooks.targets]
    for name in dict.fromkeys(names):
        if names.count(name) > 1 or name == "operation":
            problem = f"{name!r} is taken" if name == "operation" else f"{name!r} is there twice"
            yield ConfigError("webhooks.targets", problem, "give every target a name of its own")
    if hooks.ca_file is not None and (problem := problem_with_ca(hooks.ca_file)):
        yield ConfigError("webhooks.ca_file", problem, "name a PEM file with the CA")


def problem_with_ca(name: str) -> str:
    """ "" if it is a file, whatever it holds."""
    path = Path(name)
    if path.is_file():
        return ""
    return f"{name}: {NOT_REGULAR}" if path.exists() else f"there is no file {name}"


def _secrets(
    place: str,
    given: Sequence[SecretBytes],
    environment: Mapping[str, str],
    problems: list[ConfigError],
) -> tuple[SecretBytes, ...]:
    found = []
    for one in given:
        try:
            secret = _secret(place, one.get_secret_value(), environment)
        except ConfigError as error:
            problems.append(error)
            continue
        if len(secret) < SECRET_BYTES_MIN:
            problem = f"a secret must have at least {SECRET_BYTES_MIN} bytes"
            problems.append(ConfigError(place, problem, "draw one with: openssl rand -hex 32"))
        found.append(SecretBytes(secret))
    return tuple(found)


def _secret(place: str, given: bytes, environment: Mapping[str, str]) -> bytes:
    """As it stands, or from `file:PATH`, or from the service manager's credentials:
    `credential:NAME`."""
    kind, _, name = os.fsdecode(given).partition(":")
    if kind == "file":
        path = Path(name)
    elif kind == "credential":
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if not folder or not is_credential_name(name):
            raise ConfigError(place, *credential_problem(folder, name, "file:PATH"))
        path = Path(folder) / name
    else:
        return given
    try:
        return read_secret(path)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(place, problem, "name a file with the secret and no more") from None
