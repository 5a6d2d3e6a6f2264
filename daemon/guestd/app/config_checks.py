"""What no single key of the configuration can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..api.origin_patterns import host_entry, origin_entry
from ..emulator.agents.script import script_of
from ..model.errors import ConfigError
from ..model.proxy import proxy_of
from ..platform.regions import endpoints
from ..platform.settings import PlatformSettings
from ..platform.table import table_with
from ..wire.dialects import TRAITS
from .config import Config
from .webhook_settings import problem_with_ca, read_webhooks


def problems_of(config: Config, environment: Mapping[str, str]) -> list[str]:
    """Everything, each beginning with its key."""
    return [
        *_of_address(config.platform),
        *_problems_of_client(config),
        *_of_urls(config.platform),
        *_of_origins(config),
        *_of_files(config.platform),
        *_of_figures(config),
        *_of_agent(config),
        *_of_webhooks(config, environment),
    ]


def _of_address(platform: PlatformSettings) -> Iterator[str]:
    if platform.region is not None:
        try:
            endpoints(platform.region)
        except ConfigError as error:
            yield str(error)
    needs_deployment = TRAITS[platform.dialect].deployment_required
    is_the_platform = platform.is_given and platform.emulator is None
    if is_the_platform and needs_deployment and not platform.deployment_id:
        yield (
            "platform.deployment_id: is missing; it is the id of the Messenger deployment in"
            " Genesys Cloud Admin"
        )
    if platform.deployment_id and not platform.is_given:
        yield (
            "platform.region: is missing beside platform.deployment_id; write a domain such as"
            " mypurecloud.de"
        )


def _of_urls(platform: PlatformSettings) -> Iterator[str]:
    for name in ("emulator", "guest_socket_url", "api_url", "cdn_url", "token_url"):
        value = getattr(platform, name)
        schemes = ("ws://", "wss://") if name == "guest_socket_url" else ("http://", "https://")
        if value is not None and not value.startswith(schemes):
            yield f"platform.{name}: must begin with {' or '.join(schemes)}"
    if platform.emulator is not None:
        for name in ("region", "guest_socket_url", "api_url", "cdn_url", "token_url"):
            if getattr(platform, name) is not None:
                yield f"platform.{name}: stands beside platform.emulator; leave one of them out"
    if platform.proxy_url is not None:
        try:
            proxy_of(platform.proxy_url)
        except ConfigError as error:
            yield str(error)


def _of_origins(config: Config) -> Iterator[str]:
    """Entries that can never match, or would match everything."""
    for key, read in (("origins_allowed", origin_entry), ("hosts_allowed", host_entry)):
        for n, entry in enumerate(getattr(config.simulator, key)):
            try:
                read(entry)
            except ValueError as error:
                yield f"simulator.{key}[{n}]: {entry!r} {error}"


def _of_files(platform: PlatformSettings) -> Iterator[str]:
    if platform.ca_file is not None and (problem := problem_with_ca(platform.ca_file)):
        yield f"platform.ca_file: {problem}; name a PEM file with the CA"


def _of_agent(config: Config) -> Iterator[str]:
    try:
        script_of(config.emulator.agent)
    except ValueError as error:
        yield f"emulator.agent: {error}"


def _of_figures(config: Config) -> Iterator[str]:
    """Two that contradict each other."""
    if config.identity.overlap_s < config.identity.token_life_s:
        yield (
            "identity.overlap_s: is shorter than identity.token_life_s, so a rotation would undo"
            " tokens still alive; make it longer"
        )
    if config.audit.bytes_max < 2 * config.audit.file_bytes_max:
        yield (
            "audit.bytes_max: is less than two files of audit.file_bytes_max; make it larger, or"
            " the files smaller"
        )
    if config.inbox.hold_min_ms > config.inbox.hold_max_ms:
        yield "inbox.hold_min_ms: is larger than inbox.hold_max_ms; make it smaller"


def _of_webhooks(config: Config, environment: Mapping[str, str]) -> Iterator[str]:
    yield from map(str, read_webhooks(config, environment)[1])


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
