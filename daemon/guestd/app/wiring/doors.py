"""Who may come in, and how much at once: the simulator and the control API."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from ...api.control.settings import ControlSettings
from ...api.settings import ApiSettings
from ...model.errors import ConfigError
from ..config import Config
from ..secret_files import read_secret

TOKEN_MIN = 16


def api_settings(config: Config) -> ApiSettings:
    """Raises ConfigError if the token cannot be read or is none."""
    simulator = config.simulator
    return ApiSettings(
        host=simulator.host,
        port=simulator.port,
        origins_allowed=simulator.origins_allowed,
        hosts_allowed=simulator.hosts_allowed,
        frame_bytes_max=simulator.frame_bytes_max,
        frontends_max=simulator.frontends_max,
        watcher_events_max=simulator.queue_events_max,
        watcher_bytes_max=simulator.queue_bytes_max,
        frontends_per_address_max=simulator.frontends_per_address_max,
        held_bytes_max=simulator.held_bytes_max,
        unfinished_bytes_max=simulator.unfinished_bytes_max,
        write_timeout_s=simulator.write_timeout_s,
        guest_email=simulator.guest_email,
        head_timeout_s=config.api.head_timeout_s,
        keepalive_timeout_s=config.api.keepalive_timeout_s,
        connections_max=config.api.connections_max,
        connections_per_address_max=config.api.connections_per_address_max,
        new_per_address_per_s=config.api.new_per_address_per_s,
        new_per_address_burst=config.api.new_per_address_burst,
        token=_token("simulator", simulator.token, simulator.token_file),
        is_open=simulator.open,
    )


def control_settings(config: Config) -> ControlSettings:
    """Raises ConfigError if the token cannot be read or is none."""
    api = config.api
    return ControlSettings(
        token=_token("api", api.token, api.token_file),
        unix_socket=api.unix_socket or "",
        tcp=api.tcp,
        body_bytes_max=api.body_bytes_max,
        body_timeout_s=api.body_timeout_s,
        bodies_waiting_max=api.bodies_waiting_max,
        bodies_waiting_bytes_max=api.bodies_waiting_bytes_max,
        requests_max=api.requests_max,
        requests_per_address_max=api.requests_per_address_max,
        watchers_max=api.watchers_max,
        watchers_per_address_max=api.watchers_per_address_max,
        uploads_max=api.uploads_max,
        uploads_per_address_max=api.uploads_per_address_max,
        upload_bytes_per_s_min=api.upload_bytes_per_s_min,
        heartbeat_s=api.heartbeat_s,
        answer_timeout_s=api.answer_timeout_s,
        wait_max_s=api.wait_max_s,
    )


def _token(section: str, token: SecretStr | None, token_file: str | None) -> str:
    """The token of a section, "" for none. Raises ConfigError."""
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
        return ""
    if len(found) < TOKEN_MIN or not found.isascii() or not found.isprintable() or " " in found:
        remedy = "write one with: openssl rand -hex 32"
        raise ConfigError(
            field,
            f"is no token of at least {TOKEN_MIN} printable characters without spaces",
            remedy,
        )
    return found
