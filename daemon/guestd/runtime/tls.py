"""The one TLS client context: 1.2 or later, host names checked, and no switch to turn that off."""

from __future__ import annotations

import ssl
import sys
from typing import TypeVar

from ..model.errors import ConfigError

#: As `ssl.create_default_context` of the Python at hand.
STRICT = (
    ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if sys.version_info >= (3, 13)
    else ssl.VerifyFlags(0)
)

Context = TypeVar("Context", bound=ssl.SSLContext)


def client_context(ca_file: str | None, field: str) -> ssl.SSLContext:
    """Trusts `ca_file`, or the system's CAs if None; loading those takes a tenth of a second.

    Raises ConfigError naming `field`."""
    return client_context_of(ssl.SSLContext, ca_file, field)


def client_context_of(kind: type[Context], ca_file: str | None, field: str) -> Context:
    """As `client_context`, as an object of that class."""
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= STRICT
    try:
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file)
    except FileNotFoundError:
        raise ConfigError(
            field, f"{ca_file} does not exist", "name a PEM file with the CA"
        ) from None
    except ssl.SSLError:
        raise ConfigError(
            field, f"{ca_file} has no certificate in PEM", "name a PEM file with the CA"
        ) from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigError(field, f"{ca_file} cannot be used: {reason}", "name a PEM file") from None
    return context


def connector_tls(ca_file: str | None, field: str) -> ssl.SSLContext | bool:
    """The `ssl` of an aiohttp connector. True without a CA file: the context that aiohttp has
    loaded already, which trusts the system's CAs."""
    return True if ca_file is None else client_context(ca_file, field)


#: OpenSSL's names for an answer that is not TLS, by version.
_NOT_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)


def tls_failure(error: OSError) -> str:
    """What a failed handshake means, and the remedy. Not of a certificate that was refused."""
    reason = (getattr(error, "reason", None) or "").upper().replace(" ", "_")
    if reason in _NOT_TLS:
        return "TLS was spoken to a port that answers in plain text; write http:// or ws://"
    return f"TLS failed: {reason or 'the peer does not speak TLS'}"
