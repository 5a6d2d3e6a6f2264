"""A certificate the emulator makes for itself: a CA of its own, and a server certificate signed by
it. For local use."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..model.errors import ConfigError

#: The platform's host names in a region called `localhost` are listed one by one: OpenSSL takes no
#: wildcard of a top-level name.
HOSTS = ("webmessaging", "api", "api-cdn", "login", "apps")
NAMES = ("localhost", *(f"{host}.localhost" for host in HOSTS), "emu.test", "*.emu.test")
ADDRESSES = ("127.0.0.1", "::1")
LIFE = datetime.timedelta(days=365)


def ensure_certificate(directory: Path, names: Sequence[str] = ()) -> tuple[Path, Path, Path]:
    """(certificate, key, CA) as files in `directory`, made anew if they are missing, nearly over,
    or lack a name."""
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key, ca = (directory / name for name in ("server.pem", "server.key", "ca.pem"))
    for path in (certificate, key, ca):
        if path.exists() and not path.is_file():
            raise ConfigError("emulator.tls_dir", f"{path} is not a regular file", "move it away")
    wanted = [*NAMES, *names]
    if not (key.exists() and ca.exists() and _is_good(certificate, wanted)):
        _make(certificate, key, ca, wanted)
    return certificate, key, ca


def _is_good(certificate: Path, names: Sequence[str]) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    held = found.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value.get_values_for_type(x509.DNSName)
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=7)
    return set(names) <= set(held) and found.not_valid_after_utc > soon


def _make(certificate: Path, key: Path, ca: Path, names: Sequence[str]) -> None:
    ca_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guestd emulator local CA")])
    ca_cert = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guestd emulator")])
    server_cert = (
        _builder(server_name, ca_name, server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, private, 0o600)
    _write(certificate, server_cert.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(ca, ca_cert.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )


def _usage(**on: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in every})


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by more than it should be."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
