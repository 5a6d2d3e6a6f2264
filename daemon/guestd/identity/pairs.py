"""RSA key pairs and the three ways they are written: PEM (private), PEM (public, for upload), JWK.

A key's `kid`, unless it was registered under another name, is its RFC 7638 thumbprint: SHA-256 over
the public numbers in one fixed spelling. So the name follows from the key: anyone who has the
public half can compute it, no counter has to be kept anywhere, two rings never give one name to two
keys, and a file that was swapped or renamed no longer fits its name."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS_MIN = 2048

_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_KID = re.compile(r"[A-Za-z0-9_-]{43}")


def new_pair(bits: int) -> rsa.RSAPrivateKey:
    """Takes some tens of milliseconds at 2048 bits, and no two times the same."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def kid_of(public: rsa.RSAPublicKey) -> str:
    numbers = public.public_numbers()
    named = {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}
    spelled = json.dumps(named, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(spelled.encode()).digest()).rstrip(b"=").decode()


def is_kid(text: str) -> bool:
    """Whether it is a thumbprint."""
    return _KID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a key may be registered under it."""
    return _NAME.fullmatch(text) is not None


def jwk_of(public: rsa.RSAPublicKey, kid: str = "") -> dict[str, str]:
    """The public half as RFC 7517 has it. `kid` "": its thumbprint."""
    numbers = public.public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid or kid_of(public),
        "n": _base64url(numbers.n),
        "e": _base64url(numbers.e),
    }


def public_pem(public: rsa.RSAPublicKey) -> str:
    """SubjectPublicKeyInfo: what the platform's administration takes."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem(pair: rsa.RSAPrivateKey) -> bytes:
    """PKCS #8, unencrypted: its guard is the file's mode."""
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return pair.private_bytes(serialization.Encoding.PEM, form, plain)


def read_pair(data: bytes) -> rsa.RSAPrivateKey:
    """Raises ValueError, in words for the operator and without a byte of the file.

    The library's proof that the numbers are sound takes as long as making a key, in the daemon's
    one thread; it is for keys of strangers. Here the public half is proved by the kid, and a
    private half that does not fit it by the check of every token after signing, before it is shown
    the token."""
    try:
        found = serialization.load_pem_private_key(
            data, password=None, unsafe_skip_rsa_key_validation=True
        )
    except Exception:  # the library has many ways to say no, and some quote what they read
        raise ValueError("holds no private key in PEM") from None
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError("holds no RSA key")
    if found.key_size < BITS_MIN:
        raise ValueError(f"holds a key of {found.key_size} bits, fewer than {BITS_MIN}")
    return found


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
