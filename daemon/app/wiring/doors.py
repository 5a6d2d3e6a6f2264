"""Who may come in, and how much at once: the simulator and the control API."""

from __future__ import annotations

from pathlib import Path

from ...api.control.settings import ControlSettings
from ...api.settings import ApiSettings
from ...model.errors import ConfigError
from ..config import Config

TOKEN_MIN = 16


def api_settings(config: Config) -> ApiSettings:
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
    )


def control_settings(config: Config) -> ControlSettings:
    """Raises ConfigError if the token cannot be read or is none."""
    api = config.api
    return ControlSettings(
        token=_token(config),
        unix_socket=api.unix_socket or "",
        tcp=api.tcp,
        body_bytes_max=api.body_bytes_max,
        body_timeout_s=api.body_timeout_s,
        requests_max=api.requests_max,
        watchers_max=api.watchers_max,
        watchers_per_address_max=api.watchers_per_address_max,
        uploads_max=api.uploads_max,
        heartbeat_s=api.heartbeat_s,
        answer_timeout_s=api.answer_timeout_s,
        wait_max_s=api.wait_max_s,
    )


def _token(config: Config) -> str:
    api = config.api
    if api.token is not None and api.token_file is not None:
        raise ConfigError("api.token", "stands beside api.token_file", "give one of them")
    if api.token_file is not None:
        field = "api.token_file"
        try:
            token = Path(api.token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(field, f"{api.token_file} cannot be read: {why}", "name a file we may read") from None
    elif api.token is not None:
        field, token = "api.token", api.token.get_secret_value()
    else:
        return ""
    if len(token) < TOKEN_MIN or not token.isascii() or not token.isprintable() or " " in token:
        remedy = "write one with: openssl rand -hex 32"
        raise ConfigError(field, f"is no token of at least {TOKEN_MIN} printable characters without spaces", remedy)
    return token
