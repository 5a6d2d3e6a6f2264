"""Reading the configuration, and saying well what is wrong with it: the file, the key, the problem,
the remedy."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from ..emulator.agents.script import built_in
from ..model.errors import ConfigError, GuestdError
from ..model.proxy import proxy_of
from ..platform.regions import endpoints
from ..platform.settings import PlatformSettings
from ..platform.table import table_with
from ..runtime.files import NOT_REGULAR
from ..wire.dialects import TRAITS
from .config import Config
from .config_keys import collection, is_section, sections, typed_keys
from .secret_files import SecretOfFile, read_secret
from .webhook_settings import problem_with_ca, webhook_settings

ENV_PREFIX = "GUESTD_"

#: Beyond it an integer is not exact as a float; no count or size of ours comes near.
INTEGER_MAX = 2**53

#: Sections with secrets in them: a problem there names only the key.
_WITH_SECRETS = frozenset({"platform", "api", "webhooks"})


class ConfigProblems(GuestdError):
    """Everything that is wrong with a configuration, a line each."""

    code = "config"
    exit_code = 78

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
    problems = [f"{key}: is beyond {INTEGER_MAX}; write a smaller number" for key in _beyond(data)]
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        problems += [_say(one) for one in error.errors()]
    if problems:
        raise ConfigProblems(source, problems)
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
        replace(one, secret=_client_secret(source, n, one.secret.get_secret_value(), environment))
        for n, one in enumerate(platform.oauth_clients)
    )
    if api.token is not None:
        token = _credential(source, "api.token", api.token.get_secret_value(), environment)
        api = replace(api, token=SecretStr(token))
    if simulator.token is not None:
        token = _credential(
            source, "simulator.token", simulator.token.get_secret_value(), environment
        )
        simulator = replace(simulator, token=SecretStr(token))
    own = {"platform": replace(platform, **found), "api": api, "simulator": simulator}
    return config.model_copy(update=own)


def _client_secret(source: str, n: int, value: str, environment: Mapping[str, str]) -> SecretStr:
    key = f"platform.oauth_clients[{n}].secret"
    name = value.removeprefix("file:")
    if name != value:
        return SecretOfFile(_secret_of_file(source, name, key), name)
    return SecretStr(_credential(source, key, value, environment))


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
    except OSError as error:
        if error.strerror == NOT_REGULAR:
            raise ConfigProblems(source, [f"{key}: credential {name!r}: {NOT_REGULAR}"]) from None
        raise ConfigProblems(source, [_no_credential(key, name)]) from None
    except UnicodeDecodeError:
        raise ConfigProblems(source, [_no_credential(key, name)]) from None


def _no_credential(key: str, name: str) -> str:
    return f"{key}: there is no readable credential {name!r}; put it into /etc/credstore/{name}"


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
            str(path), ["there is no such file; `guestd config init FILE` writes one to begin with"]
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
    section_class = sections().get(section)
    known = typed_keys(section_class) if section_class is not None else {}
    wanted, element = collection(known[key]) if key in known else (None, None)
    if wanted is dict:
        return _json_of(text, dict, 'is not a JSON object; write {"key": "value"}')
    if wanted is not tuple:
        return text
    if is_section(element):
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


def _beyond(data: Any, path: str = "") -> Iterator[str]:
    """The keys whose integer is beyond INTEGER_MAX."""
    if isinstance(data, int) and abs(data) > INTEGER_MAX:
        yield path
    parts: Any = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in parts:
        yield from _beyond(value, f"{path}.{key}" if path else str(key))


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
        known = ", ".join(sorted(built_in()))
        problems.append(f"emulator.agent: {config.emulator.agent!r} must be one of {known}")
    if platform.ca_file is not None and (problem := problem_with_ca(platform.ca_file)):
        problems.append(f"platform.ca_file: {problem}; name a PEM file with the CA")
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


def _problems_of_clients(platform: PlatformSettings) -> list[str]:
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
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{key}: unknown key{_suggestion(path)}"
    if error["type"] == "missing":
        return f"{key}: is missing"
    if error["type"] == "dataclass_type":
        table = f"; write [{key}]" if len(path) == 1 else ""
        return f"{key}: must be a table{table}"
    value = f" (got {error['input']!r})" if _may_be_shown(path, error["input"]) else ""
    message = error["msg"].removeprefix("Value error, ")
    message = re.sub("^Input should (be|have) ", r"must \1 ", message)
    return f"{key}: {message[:1].lower()}{message[1:]}{value}"


def _may_be_shown(path: list[str | int], given: Any) -> bool:
    """A figure or a word, and none that may be a secret in the wrong place or form."""
    is_plain = isinstance(given, (int, float)) or (isinstance(given, str) and len(path) > 1)
    return is_plain and path[0] not in _WITH_SECRETS


def _suggestion(path: list[str | int]) -> str:
    known: dict[str, Any] = dict(sections())
    for part in path[:-1]:
        if isinstance(part, str):  # a number is the place in a list of tables
            inner = known[part] if is_section(known[part]) else collection(known[part])[1]
            known = typed_keys(inner)
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"
