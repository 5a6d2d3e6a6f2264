"""Guest tokens (GUEST-1): RS256, five minutes, signed by the ring's one signing key and believed by
what the ring holds valid.

The algorithm is ours to choose, never the token's: whatever its header asks for, RS256 with a key
of the ring is what is checked, and a header that asks for something else is refused by name before
a key is even looked up. Times are judged here and not in the library, so that there is one clock. A
token is a secret: no error, log line or repr holds any part of it, and
`fingerprint` is what may stand in its place (AUDIT-2).
"""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from ..model.errors import CommandError, ConfigError, GuestdError, TokenError
from ..model.file_names import control_character_in
from ..model.ids import fingerprint
from ..observe.metrics import Metrics
from .keys import KeyRing, Keys
from .pairs import is_kid
from .settings import IdentitySettings

logger = logging.getLogger("guestd.identity")

ALGORITHM = "RS256"

#: What metadata may not say: RFC 7519's registered claims, and the guest.
RESERVED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "guestId"})

VALID = "valid"

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")

#: Epoch seconds beyond this are not a time (it is the year 33658); a NaN is not below it.
TIME_MAX = 1e12


@dataclass(slots=True, frozen=True)
class SignedToken:
    """A guest token and what may be shown of it. Times are epoch seconds."""

    token: str = field(repr=False)
    fingerprint: str
    kid: str
    guest_id: str
    expires: int


@dataclass(slots=True, frozen=True)
class Claims:
    """What a believed token says. Times are epoch seconds."""

    guest_id: str
    kid: str
    issued: float
    expires: float
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)


class GuestTokens:
    """Signs and checks. `now` gives epoch seconds; every check is counted by its outcome
    (GUEST-3)."""

    def __init__(
        self,
        settings: IdentitySettings,
        ring: KeyRing,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._ring = ring
        self._metrics = metrics
        self._now = now

    def sign(self, guest_id: str, metadata: Mapping[str, Any] | None = None) -> SignedToken:
        """A token for the guest, checked before it is handed out. The first one ever makes the
        first key, which takes a moment. Raises CommandError naming the field, or ConfigError if the
        ring cannot be used."""
        try:
            return self._signed(guest_id, metadata or {}, self._ring.ensure())
        except TokenError as error:  # the ring may have been changed under us
            logger.warning(
                "a guest token just signed is not valid (%s); another is signed with the ring read"
                " again",
                error,
            )
        try:
            return self._signed(guest_id, metadata or {}, self._ring.reread())
        except TokenError as error:
            raise GuestdError(
                f"a guest token just signed is not valid: {error}; guestd keys rotate makes"
                " another key"
            ) from None

    def _signed(self, guest_id: str, metadata: Mapping[str, Any], keys: Keys) -> SignedToken:
        """Raises TokenError if what was signed is not to be believed."""
        claims = self._claims(guest_id, metadata)
        signing = keys.ring.signing
        if signing is None or keys.signer is None:
            raise ConfigError(
                "identity.directory", "holds no signing key", "guestd keys rotate makes one"
            )
        token = jwt.encode(claims, keys.signer, algorithm=ALGORITHM, headers={"kid": signing.kid})
        if len(token) > self._settings.token_bytes_max:
            problem = (
                f"the guest token would be {len(token)} bytes, over"
                f" {self._settings.token_bytes_max}"
            )
            raise CommandError(f"{problem}; give less metadata", code="too_long", field="metadata")
        believed = self._counted(token, keys)
        if believed.guest_id != guest_id:
            raise TokenError("names another guest", code="bad_claim", field="guestId")
        self._metrics.tokens_signed += 1
        return SignedToken(token, fingerprint(token), signing.kid, guest_id, claims["exp"])

    def verify(self, token: str) -> Claims:
        """What the token says, if it is to be believed now. Raises TokenError, whose `code` says
        why not."""
        return self._counted(token, None)

    def _counted(self, token: str, keys: Keys | None) -> Claims:
        outcome = VALID
        try:
            return self._judge(token, keys)
        except TokenError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.count_token_check(outcome, fingerprint(token))

    # -- signing

    def _claims(self, guest_id: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        if not guest_id.strip() or control_character_in(guest_id):
            raise CommandError(
                "guestId must be text of at least one character, without control characters",
                field="guestId",
            )
        claims = _plain(metadata)
        for name in claims:
            if name in RESERVED:
                problem = (
                    f"metadata.{name} is a claim that guestd itself sets; give it another name"
                )
                raise CommandError(problem, field=f"metadata.{name}")
        issued = int(self._now())
        claims |= {
            "guestId": guest_id,
            "iat": issued,
            "exp": issued + int(self._settings.token_life_s),
        }
        if self._settings.issuer is not None:
            claims["iss"] = self._settings.issuer
        if self._settings.audience is not None:
            claims["aud"] = self._settings.audience
        return claims

    # -- checking

    def _judge(self, token: str, keys: Keys | None) -> Claims:
        if len(token) > self._settings.token_bytes_max:
            raise TokenError(
                f"is longer than {self._settings.token_bytes_max} bytes", code="too_long"
            )
        kid = _kid_of(token)
        claims = self._signed_claims(token, self._public(kid, keys))
        guest_id = claims["guestId"]
        if not isinstance(guest_id, str) or not guest_id:
            raise TokenError("its guestId must be a string", code="bad_claim", field="guestId")
        issued, expires = _time(claims, "iat"), _time(claims, "exp")
        self._check_times(issued, expires, _time(claims, "nbf") if "nbf" in claims else issued)
        metadata = {name: value for name, value in claims.items() if name not in RESERVED}
        return Claims(guest_id, kid, issued, expires, metadata)

    def _public(self, kid: str, keys: Keys | None) -> rsa.RSAPublicKey:
        """A key the ring does not know may have come into it a moment ago: then the disk is looked
        at once more."""
        found = keys or self._ring.current()
        if keys is None and found.ring.find(kid) is None:
            found = self._ring.current(look=True)
        entry = found.ring.find(kid)
        if entry is None:
            named = f"the key {kid}" if is_kid(kid) else "a key whose name is not a thumbprint"
            raise TokenError(
                f"is signed with {named}, which is not in this ring", code="unknown_kid"
            )
        if entry.state_at(self._now()) == "retired" or kid not in found.publics:
            raise TokenError(f"is signed with the key {kid}, which is retired", code="retired_kid")
        return found.publics[kid]

    def _signed_claims(self, token: str, public: rsa.RSAPublicKey) -> dict[str, Any]:
        settings = self._settings
        try:
            return jwt.decode(
                token,
                public,
                algorithms=[ALGORITHM],
                audience=settings.audience,
                issuer=settings.issuer,
                options={
                    "require": ["guestId", "iat", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.MissingRequiredClaimError as error:
            raise TokenError(
                f"has no claim {error.claim}", code="missing_claim", field=error.claim
            ) from None
        except jwt.InvalidSignatureError:
            raise TokenError(
                "has a wrong signature: it was altered, or signed by another", code="bad_signature"
            ) from None
        except jwt.InvalidAudienceError:
            raise TokenError(
                "is for another audience (aud)", code="wrong_audience", field="aud"
            ) from None
        except jwt.InvalidIssuerError:
            raise TokenError(
                "is from another issuer (iss)", code="wrong_issuer", field="iss"
            ) from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise TokenError("is not a JSON Web Token", code="malformed") from None

    def _check_times(self, issued: float, expires: float, valid_from: float) -> None:
        now, leeway = self._now(), self._settings.leeway_s
        if now >= expires + leeway:
            raise TokenError(f"expired {now - expires:.0f} s ago", code="expired", field="exp")
        early = max(issued, valid_from) - now
        if early > leeway:
            problem = f"is valid only in {early:.0f} s; compare the clocks"
            raise TokenError(
                problem, code="not_yet_valid", field="iat" if issued >= valid_from else "nbf"
            )


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy as JSON would have it. Raises CommandError for what JSON cannot say."""
    for name in metadata:
        if not isinstance(name, str):
            raise CommandError(
                f"metadata has the name {name!r}, which is not a string", field="metadata"
            )
    try:
        spelled = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        spelled.encode()
        plain: dict[str, Any] = json.loads(spelled)
    except (TypeError, ValueError, RecursionError):
        problem = "metadata must be JSON: objects, arrays, text, finite numbers, true, false, null"
        raise CommandError(problem, field="metadata") from None
    return plain


def _kid_of(token: str) -> str:
    """The key the header names, once the token is spelled as we would spell it and its header is
    one we would have written."""
    if not _is_strictly_spelled(token):
        raise TokenError("is not a JSON Web Token", code="malformed")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise TokenError("is not a JSON Web Token", code="malformed") from None
    if header.get("alg") != ALGORITHM:
        raise TokenError(
            f"its header does not say {ALGORITHM}, and nothing else is accepted",
            code="wrong_algorithm",
        )
    if "crit" in header:
        raise TokenError("its header demands what guestd does not know (crit)", code="malformed")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenError("its header names no key (kid)", code="missing_kid", field="kid")
    return kid


def _is_strictly_spelled(token: str) -> bool:
    """Three parts in base64url, each as encoding it anew would give it. The usual decoders overlook
    what does not belong, so that one signature would fit many spellings, each with a fingerprint of
    its own."""
    parts = token.split(".")
    return len(parts) == 3 and all(
        _BASE64URL.fullmatch(part) and _is_canonical(part) for part in parts
    )


def _is_canonical(part: str) -> bool:
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode() == part


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < TIME_MAX:
        raise TokenError(f"its {name} must be a time in seconds", code="bad_claim", field=name)
    return float(value)
