"""Files that hold one secret: how they are read, and who else may read them.

Others who can read such a file have the secret. That is said, loudly, and not refused: secrets of
containers are often 0644, and a daemon that does not start does not help.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from ..model.errors import ConfigError
from ..runtime.files import open_regular
from .config import Config
from .config_keys import secrets_of
from .wiring.storage import key_directory

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: More than any secret has: what is larger was named by mistake, and is not read into memory.
SECRET_BYTES_MAX = 65_536


class SecretOfFile(SecretStr):
    """A secret that was read from a file."""

    def __init__(self, value: str, path: str) -> None:
        super().__init__(value)
        self.path = path


def read_secret(path: Path, *, may_be_pipe: bool = False) -> bytes:
    """The content without white space around it and without a byte order mark, which editors add
    unseen. Raises OSError."""
    with open(open_regular(path, may_be_pipe=may_be_pipe), "rb") as file:
        content = file.read(SECRET_BYTES_MAX + 1)
    if len(content) > SECRET_BYTES_MAX:
        raise OSError(None, f"it is larger than {SECRET_BYTES_MAX} bytes")
    return content.strip().removeprefix(BYTE_ORDER_MARK).strip()


def is_credential_name(name: str) -> bool:
    """Of a file in the directory of the service manager's credentials."""
    return bool(name) and "/" not in name


def credential_problem(folder: str | None, name: str, instead: str) -> tuple[str, str]:
    """Problem and remedy for a credential that cannot be looked for. `instead`: what may stand in
    its place."""
    if not is_credential_name(name):
        problem = f"{name[:60]!r} is not the name of a credential"
        return problem, f"write credential:NAME without a path, or {instead}"
    assert not folder
    return (
        "names a credential, but there is no CREDENTIALS_DIRECTORY",
        f"run under systemd with LoadCredential={name}, or write {instead}; to check it in a shell"
        " name the directory: CREDENTIALS_DIRECTORY=/etc/credstore guestd config check",
    )


def open_secrets(
    config: Config, environment: Mapping[str, str], source: Path | None = None
) -> list[str]:
    """A line for each secret file that others may read: key, file, mode, remedy. `source`: the file
    that the configuration was read from, which may hold secrets itself."""
    named = [(key, Path(name)) for key, name in _secret_files(config)]
    if source is not None and (keys := _keys_in_plain(source)):
        named.append((", ".join(keys), source))
    return [
        line for key, path in named if (line := _complaint(key, path, environment))
    ] + _open_keys(config, environment)


def _secret_files(config: Config) -> list[tuple[str, str]]:
    hooks = config.webhooks
    found = [
        ("platform.client_secret_file", config.platform.client_secret_file),
        ("api.token_file", config.api.token_file),
        ("simulator.token_file", config.simulator.token_file),
    ]
    lists: list[tuple[str, tuple[SecretStr | SecretBytes, ...]]]
    lists = [(f"webhooks.targets.{one.name}.secrets", one.secrets) for one in hooks.targets]
    found += [
        (f"platform.oauth_clients[{n}].secret", one.secret.path)
        for n, one in enumerate(config.platform.oauth_clients)
        if isinstance(one.secret, SecretOfFile)
    ]
    for key, secrets in [*lists, ("webhooks.operation_secrets", hooks.operation_secrets)]:
        for one in secrets:
            kind, _, name = text_of(one).partition(":")
            found.append((key, name if kind == "file" else None))
    return [(key, name) for key, name in found if name is not None]


def _keys_in_plain(source: Path) -> list[str]:
    """The keys whose secret stands in that file itself; none if it is no file that can be read."""
    try:
        with open(open_regular(source), "rb") as file:
            data = tomllib.loads(file.read().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    named = ("file:", "credential:")
    return list(dict.fromkeys(k for k, text in secrets_of(data) if not text.startswith(named)))


def text_of(secret: SecretStr | SecretBytes) -> str:
    value = secret.get_secret_value()
    return value if isinstance(value, str) else os.fsdecode(value)


def _complaint(key: str, path: Path, environment: Mapping[str, str]) -> str:
    """ "" if no one else may read it, if it is one of the service manager's credentials, or if it
    cannot be looked at."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    try:
        found = path.stat()
        if credentials and path.resolve().is_relative_to(Path(credentials).resolve()):
            return ""
    except OSError:
        return ""
    if not _is_open(found):
        return ""
    mode = stat.S_IMODE(found.st_mode)
    return (
        f"{key}: {path} is open to others (mode {mode:04o}); chmod 600 {path}, and renew the secret"
    )


def _is_open(found: os.stat_result) -> bool:
    """root may give a secret to a service through its group (0640 root:guestd); another owner has
    no need to."""
    given_by_root = found.st_uid == 0 and os.geteuid() != 0
    others = 0o037 if given_by_root else 0o077
    return bool(found.st_mode & others)


def _open_keys(config: Config, environment: Mapping[str, str]) -> list[str]:
    """The keys that sign guest tokens: a start with these open to others is refused."""
    from ..identity.private_files import check_private

    directory = key_directory(config, environment)
    if directory is None or not directory.is_dir():
        return []
    try:
        check_private(directory)
    except ConfigError as error:
        return [f"{error} (a start is refused)"]
    return []
