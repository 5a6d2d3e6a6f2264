"""What `guestd config check` looks for beyond the figures: what the start, or the platform, would
refuse. Nothing is written and nothing is asked for over the network; a port or a directory that is
in use is not a mistake of the configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

from ..model.errors import ConfigError
from ..platform.regions import REGIONS
from .config import Config
from .webhook_settings import problem_with_ca
from .wiring.api import api_settings, simulator_settings
from .wiring.storage import journal_directory


def start_problems(config: Config, environment: Mapping[str, str]) -> list[str]:
    """Each beginning with its key."""
    return [
        *_of_tokens(config),
        *_of_deployment(config),
        *_of_journal(config, environment),
        *_of_directories(config),
        *_of_certificates(config),
    ]


def _of_tokens(config: Config) -> Iterator[str]:
    from ..api.control.bearer_auth import check_exposure
    from ..api.tokens import check_simulator_exposure

    try:
        check_exposure(config.simulator.host, api_settings(config))
    except ConfigError as error:
        yield str(error)
    try:
        check_simulator_exposure(simulator_settings(config))
    except ConfigError as error:
        yield str(error)


def _of_deployment(config: Config) -> Iterator[str]:
    """Of the real platform; an emulator may have any."""
    platform = config.platform
    region = (platform.region or "").strip().lower()
    is_real = region in REGIONS or region in REGIONS.values()
    if not is_real or platform.deployment_id is None:
        return
    try:
        UUID(platform.deployment_id)
    except ValueError:
        yield (
            f"platform.deployment_id: {platform.deployment_id[:60]!r} must be a UUID; copy it from"
            " the Messenger deployment in Genesys Cloud Admin"
        )


def _of_journal(config: Config, environment: Mapping[str, str]) -> Iterator[str]:
    from ..journal import filesystem_check

    directory = journal_directory(config, environment)
    if directory is None:
        return
    if not directory.is_dir():
        is_there = directory.exists()
        remedy = "name a directory" if is_there else f"create it: mkdir -p {directory}"
        yield f"journal.directory: {directory} is not a directory; {remedy}"
        return
    if not _is_writable(directory):
        yield (
            f"journal.directory: {directory} cannot be written to; name another, or give it to the"
            " user that runs guestd"
        )
    try:
        mountinfo = filesystem_check.read("/proc/self/mountinfo")
        filesystem_check.check_file_system(directory, mountinfo)
    except ConfigError as error:
        yield str(error)


def _of_directories(config: Config) -> Iterator[str]:
    """Those that the start makes: they must be directories, or what they stand in must be there."""
    spool = config.attachments.spool_directory
    socket = config.api.unix_socket
    audit, keys = config.audit.directory, config.identity.directory
    for key, name in (
        ("attachments.spool_directory", spool),
        ("audit.directory", audit),
        ("identity.directory", keys),
    ):
        if name is not None:
            yield from _of_made_directory(key, Path(name))
    if socket is not None and not _is_writable(Path(socket).parent):
        yield (
            f"api.unix_socket: {socket} cannot be made: {Path(socket).parent} is not a directory"
            " that can be written to; create it, or name another place"
        )


def _of_made_directory(key: str, directory: Path) -> Iterator[str]:
    if directory.exists() and not directory.is_dir():
        yield f"{key}: {directory} is not a directory; name another place"
    elif not _is_writable(directory if directory.is_dir() else directory.parent):
        yield (
            f"{key}: {directory} cannot be made or written to; name another place, or give it to"
            " the user that runs guestd"
        )


def _of_certificates(config: Config) -> Iterator[str]:
    from ..runtime.tls import client_context

    for key, name in (
        ("platform.ca_file", config.platform.ca_file),
        ("webhooks.ca_file", config.webhooks.ca_file),
    ):
        if name is None or problem_with_ca(name):  # which is said already
            continue
        try:
            client_context(name, key)
        except ConfigError as error:
            yield str(error)


def _is_writable(directory: Path) -> bool:
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
