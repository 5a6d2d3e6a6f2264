"""The one TLS client context: 1.2 or later, host names checked, and no switch to turn that off."""

from __future__ import annotations

import ssl

from ..model.errors import ConfigError


def client_context(ca_file: str | None, field: str) -> ssl.SSLContext:
    """Trusts `ca_file`, or the system's CAs if None; loading those takes a tenth of a second.

    Raises ConfigError naming `field`."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except FileNotFoundError:
        raise ConfigError(
            field, f"{ca_file} does not exist", "name a PEM file with the CA"
        ) from None
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "not PEM"
        raise ConfigError(field, f"{ca_file} cannot be used: {reason}", "name a PEM file") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def connector_tls(ca_file: str | None, field: str) -> ssl.SSLContext | bool:
    """The `ssl` of an aiohttp connector. True without a CA file: the context that aiohttp has
    loaded already, which trusts the system's CAs."""
    return True if ca_file is None else client_context(ca_file, field)
