"""Reading the configuration, and saying well what is wrong with it: the file, the key, the problem,
the remedy."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from ..emulator.agents.script import built_in
from ..model.errors import ConfigError, GuestdError
from ..model.proxy import proxy_of
from ..platform.regions import endpoints
from ..platform.table import table_with
from ..wire.dialects import TRAITS
from .config import Config, Platform
from .secret_files import read_secret
from .wiring.records import webhook_settings

ENV_PREFIX = "GUESTD_"

#: Sections with secrets in them: of what is wrong there only the key is told.
_WITH_SECRETS = frozenset({"platform", "api", "webhooks"})


class ConfigProblems(GuestdError):
    """Everything that is wrong with a configuration, a line each."""

    code = "config"

    def __init__(self, source: str, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


def load_config(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Config:
    """The file, under the environment, under the flags (`{"simulator.port": 3001}`). Raises
    ConfigProblems."""
    source = str(path) if path is not None else "configuration"
    data = _read(path) if path is not None else {}
    for key, value in [*_from_environment(source, environment), *(flags or {}).items()]:
        section, _, name = key.partition(".")
        table = data.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigProblems(source, [f"{section}: is a table; write [{section}]"])
        table[name] = value
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigProblems(source, [_say(one) for one in error.errors()]) from None
    config = _with_credentials(source, config, environment)
    _check(source, config)
    _check_webhooks(source, config, environment)
    return config


def _with_credentials(source: str, config: Config, environment: Mapping[str, str]) -> Config:
    """`"credential:NAME"` is read from the service manager's credentials (systemd's
    LoadCredential=NAME), and the client's secret from its file."""
    platform, api, simulator = config.platform, config.api, config.simulator
    found: dict[str, Any] = {}
    if platform.proxy_url is not None:
        found["proxy_url"] = _credential(
            source, "platform.proxy_url", platform.proxy_url, environment
        )
    if platform.client_secret_file is not None:
        found["client_secret"] = SecretStr(_secret_of_file(source, platform.client_secret_file))
    elif platform.client_secret is not None:
        secret = platform.client_secret.get_secret_value()
        found["client_secret"] = SecretStr(
            _credential(source, "platform.client_secret", secret, environment)
        )
    found["oauth_clients"] = tuple(
        one.model_copy(
            update={"secret": _client_secret(source, n, one.secret.get_secret_value(), environment)}
        )
        for n, one in enumerate(platform.oauth_clients)
    )
    if api.token is not None:
        token = _credential(source, "api.token", api.token.get_secret_value(), environment)
        api = api.model_copy(update={"token": SecretStr(token)})
    if simulator.token is not None:
        token = _credential(
            source, "simulator.token", simulator.token.get_secret_value(), environment
        )
        simulator = simulator.model_copy(update={"token": SecretStr(token)})
    own = {"platform": platform.model_copy(update=found), "api": api, "simulator": simulator}
    return config.model_copy(update=own)


def _client_secret(source: str, n: int, value: str, environment: Mapping[str, str]) -> SecretStr:
    key = f"platform.oauth_clients[{n}].secret"
    name = value.removeprefix("file:")
    found = (
        _secret_of_file(source, name, key)
        if name != value
        else _credential(source, key, value, environment)
    )
    return SecretStr(found)


def _credential(source: str, key: str, value: str, environment: Mapping[str, str]) -> str:
    name = value.removeprefix("credential:")
    if name == value:
        return value
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder or "/" in name or not name:
        problem = (
            f"{key}: names a credential, but there is no CREDENTIALS_DIRECTORY;"
            f" run under systemd, or write {'a URL' if key.endswith('_url') else 'the secret'}"
        )
        raise ConfigProblems(source, [problem])
    try:
        return read_secret(Path(folder) / name).decode()
    except (OSError, UnicodeDecodeError):
        problem = (
            f"{key}: there is no readable credential {name!r}; put it into /etc/credstore/{name}"
        )
        raise ConfigProblems(source, [problem]) from None


def _secret_of_file(source: str, name: str, key: str = "platform.client_secret_file") -> str:
    try:
        return read_secret(Path(name)).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = f"{key}: {name} cannot be read: {reason}; name a file with the secret and no more"
        raise ConfigProblems(source, [problem]) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigProblems(
            str(path), ["there is no such file; copy config.example.toml to begin"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigProblems(str(path), [f"cannot be read: {reason}"]) from None
    try:
        return tomllib.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError alone: an integer of thousands of digits
        raise ConfigProblems(str(path), [f"is not TOML: {error}"]) from None


def _from_environment(source: str, environment: Mapping[str, str]) -> list[tuple[str, Any]]:
    """GUESTD_SIMULATOR__PORT=3001 is simulator.port."""
    found: list[tuple[str, Any]] = []
    for name, value in sorted(environment.items()):
        section, separator, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if name.startswith(ENV_PREFIX) and separator:
            try:
                found.append((f"{section}.{key}", _value_from_text(section, key, value)))
            except (ValueError, RecursionError) as error:
                raise ConfigProblems(source, [f"{section}.{key}: {error}"]) from None
    return found


def _value_from_text(section: str, key: str, text: str) -> Any:
    """Where the key is a list, a JSON array or parts between commas; where it is a table, a JSON
    object; else the text. Raises ValueError without the text: it may be a secret."""
    wanted, element = _form_of(section, key)
    if wanted is dict:
        return _json_of(text, dict, 'is not a JSON object; write {"key": "value"}')
    if wanted is not tuple:
        return text
    if isinstance(element, type) and issubclass(element, BaseModel):
        return _json_of(text, list, "is not a JSON array of objects; write [{…}], or use the file")
    if text.lstrip().startswith("["):
        return _json_of(text, list, 'is not a JSON array; write ["a", "b"], or a,b')
    return [part.strip() for part in text.split(",") if part.strip()]


def _json_of(text: str, form: type, problem: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, form):
        raise ValueError(problem)
    return found


def _form_of(section: str, key: str) -> tuple[Any, Any]:
    """tuple or dict, and what a tuple is made of; (None, None) for a plain value or an unknown
    key."""
    field = Config.model_fields.get(section)
    model = field.annotation if field is not None else None
    if (
        not (isinstance(model, type) and issubclass(model, BaseModel))
        or key not in model.model_fields
    ):
        return None, None
    annotation = model.model_fields[key].annotation
    for one in (annotation, *get_args(annotation)):  # `tuple[…] | None` has it among its parts
        if get_origin(one) in (tuple, dict):
            return get_origin(one), get_args(one)[0]
    return None, None


def _check(source: str, config: Config) -> None:
    """What no single key can tell."""
    problems = []
    platform = config.platform
    if platform.region is not None:
        try:
            endpoints(platform.region)
        except ConfigError as error:
            problems.append(str(error))
    if (
        platform.is_given
        and TRAITS[platform.dialect].deployment_required
        and not platform.deployment_id
    ):
        problems.append(
            "platform.deployment_id: is missing; it is the id of the Messenger deployment in"
            " Genesys Cloud Admin"
        )
    if platform.deployment_id and not platform.is_given:
        problems.append(
            "platform.region: is missing beside platform.deployment_id; write a domain such as"
            " mypurecloud.de"
        )
    problems += _problems_of_client(config)
    for name in ("guest_socket_url", "api_url", "cdn_url", "token_url"):
        value = getattr(platform, name)
        schemes = ("ws://", "wss://") if name == "guest_socket_url" else ("http://", "https://")
        if value is not None and not value.startswith(schemes):
            problems.append(f"platform.{name}: must begin with {' or '.join(schemes)}")
    if platform.proxy_url is not None:
        try:
            proxy_of(platform.proxy_url)
        except ConfigError as error:
            problems.append(str(error))
    if config.emulator.agent not in built_in():
        problems.append(
            f"emulator.agent: {config.emulator.agent!r} is none of {', '.join(sorted(built_in()))}"
        )
    if platform.ca_file is not None and not Path(platform.ca_file).is_file():
        problems.append(
            f"platform.ca_file: there is no file {platform.ca_file}; name a PEM file with the CA"
        )
    if config.identity.overlap_s < config.identity.token_life_s:
        problem = (
            "is shorter than identity.token_life_s, so a rotation would undo tokens still alive;"
            " make it longer"
        )
        problems.append(f"identity.overlap_s: {problem}")
    if config.audit.bytes_max < 2 * config.audit.file_bytes_max:
        problem = (
            "is less than two files of audit.file_bytes_max; make it larger, or the files smaller"
        )
        problems.append(f"audit.bytes_max: {problem}")
    if config.inbox.hold_min_ms > config.inbox.hold_max_ms:
        problems.append("inbox.hold_min_ms: is larger than inbox.hold_max_ms; make it smaller")
    if problems:
        raise ConfigProblems(source, problems)


def _problems_of_client(config: Config) -> list[str]:
    """The OAuth client and the paths it calls."""
    platform, problems = config.platform, []
    try:
        table_with(platform.paths)
    except ConfigError as error:
        problems.append(str(error))
    secret = (
        platform.client_secret.get_secret_value() if platform.client_secret is not None else None
    )
    if secret == "":
        problems.append("platform.client_secret: is empty; write the secret of the OAuth client")
    if platform.client_id is not None and secret is None:
        problems.append(
            "platform.client_secret: is missing beside platform.client_id; give it, or"
            " client_secret_file"
        )
    if platform.client_id is None and secret is not None:
        problems.append(
            "platform.client_id: is missing beside the secret; it is the id of the OAuth client"
        )
    if ":" in (platform.client_id or "") and platform.client_auth == "basic":
        problems.append(
            'platform.client_id: has a colon, which basic cannot carry; set client_auth = "form"'
        )
    problems += _problems_of_clients(platform)
    if platform.has_client and not platform.is_given and platform.token_url is None:
        problems.append(
            "platform.region: is missing beside platform.client_id; write a domain such as"
            " mypurecloud.de"
        )
    return problems


def _problems_of_clients(platform: Platform) -> list[str]:
    """Of the list, where several clients share the load."""
    problems, ids = [], [one.id for one in platform.oauth_clients]
    if ids and platform.client_id is not None:
        problems.append(
            "platform.oauth_clients: stands beside platform.client_id; write that client into the"
            " list too"
        )
    if ids and platform.scope is not None:
        problems.append(
            "platform.scope: stands beside platform.oauth_clients; give each client in the list its"
            " scope"
        )
    for n, one in enumerate(platform.oauth_clients):
        place = f"platform.oauth_clients[{n}]"
        if one.id in ids[:n]:
            problems.append(
                f"{place}.id: is in the list twice; a client has one budget, leave one of them out"
            )
        if ":" in one.id and platform.client_auth == "basic":
            problems.append(
                f'{place}.id: has a colon, which basic cannot carry; set client_auth = "form"'
            )
        if not one.secret.get_secret_value():
            problems.append(f"{place}.secret: is empty; write the secret of the OAuth client")
    return problems


def _check_webhooks(source: str, config: Config, environment: Mapping[str, str]) -> None:
    try:
        webhook_settings(config, environment)
    except ConfigError as error:
        raise ConfigProblems(source, [str(error)]) from None


def _say(error: Any) -> str:
    path = list(error["loc"])
    key = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggestion(path)}"
    value = f" (got {error['input']!r})" if _may_be_shown(path, error["input"]) else ""
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message[:1].lower()}{message[1:]}{value}"


def _may_be_shown(path: list[str | int], given: Any) -> bool:
    """A figure or a word, and none that may be a secret in the wrong place or form."""
    is_plain = isinstance(given, (int, float)) or (isinstance(given, str) and len(path) > 1)
    return is_plain and path[0] not in _WITH_SECRETS


def _suggestion(path: list[str | int]) -> str:
    model: type[BaseModel] = Config
    for part in path[:-1]:
        if isinstance(part, int):
            continue  # the place in a list of tables
        annotation = model.model_fields[part].annotation
        annotation = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
        assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
        model = annotation
    close = difflib.get_close_matches(str(path[-1]), model.model_fields, n=1)
    return (
        f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(model.model_fields)}"
    )
