"""The one redactor. A secret is known by its value, by the name of its field, or by its look:

    without_values    these very secrets, in every encoding in which a platform may echo them
    without_secrets   fields that are named like a secret, in a value of any shape
    redacted          what looks like a secret, in a text of any origin

What leaves for a log, a file, a receiver or a client passes through at least one of them. The first
line of defence is that secrets are not journaled; this one does not know what a field holds, so it
errs on the side of taking out."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from itertools import product
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from ..model.ids import fingerprint

HIDDEN = "…"
DEPTH_MAX = 16

#: In how many places a word is taken apart, to find a token within it.
BREAKS_MAX = 12

#: A shorter value is not a secret, and taking it out would spoil every other word.
SECRET_LENGTH_MIN = 6

#: A name that contains one of these, in small letters and without punctuation, is a secret's.
SECRET_WORDS = (
    "token",
    "secret",
    "password",
    "passwort",
    "passwd",
    "passphrase",
    "authorization",
    "apikey",
    "privatekey",
    "signingkey",
    "accesskey",
    "jwt",
    "cookie",
    "credential",
    "signature",
    "bearer",
)

#: Names that are a secret's as a whole, and harmless as a part of another.
SECRET_NAMES = frozenset({"key", "keys", "pin", "otp", "uploadurl", "downloadurl"})

#: Names that are a secret's in a URL's query or a form, and mean other things in our own fields.
QUERY_SECRETS = ("sig", "code")

_SECRET_PART = re.compile("|".join(SECRET_WORDS))
_IN_TEXT = "|".join(re.sub("key$", "[_-]?key", word) for word in SECRET_WORDS)
#: Each part begins where a word begins, so that a long text costs no more than its length.
_LOOKS_SECRET = re.compile(
    # A dotted name before a colon and a space is a field that an error speaks of: "oauth.token: no
    # bearer token".
    r"(?i)((?<![\w-])(?!(?<=\w\.)[\w-]+:\s)"
    rf"(?:[\w-]*(?:{_IN_TEXT})\b[\"']?\s*[=:>]\s*\[?[\"']?|(?:{'|'.join(QUERY_SECRETS)})=(?!\d{{1,4}}\b)))"
    r"(?:(?:bearer|basic|digest)\s+)?(?P<value>[^\s\"'&,}\]<]+)"
    r"|(?P<scheme>\b(?:bearer|basic(?=\s+(?-i:\S*[0-9A-Z=])))\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<![\w-])(?=[\w-]*eyJ)[\w-]{13,}+\.[\w.-]+"
    r"|(?P<user>://[^/\s:@]*:)[^/\s@]+(?=@)"
)
#: With one of these words an error goes on: "Invalid token: expired at 12:00". Others may be a
#: secret, however plain they look.
_REASON = (
    r"a|an|and|at|bad|cannot|does|empty|expired|field|for|from|given|has|in|"
    r"invalid|is|its|malformed|may|missing|must|needs|no|none|not|null|of|or|"
    r"required|revoked|should|the|to|too|unknown|unsupported|valid|was|were|"
    r"will|wrong|yet"
)
_IS_REASON = re.compile(rf"(?:{_REASON})(?:-(?:{_REASON}))*").fullmatch
_WORD = re.compile(r"[A-Za-z0-9_~+/=-](?:[A-Za-z0-9._~+/=-]{4,}[A-Za-z0-9_~+/=-])")
_BREAK = re.compile(r"[-./=~+]+")
_FINGERPRINT = re.compile(r"(?:sha256:)?[0-9a-f]{16,64}")
_PLAIN_WORD = re.compile(r"[A-Z]?[a-z]{1,29}|[A-Z_]{1,30}")
_BODIES = frozenset({"text", "html", "body", "caption"})


def redacted(text: str) -> str:
    """Without what looks like a secret."""
    return _LOOKS_SECRET.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    before = found[1] or found["scheme"] or found["user"] or ""
    if before.endswith(": ") and _is_reason(found["value"] or ""):
        return found[0]
    return f"{before}{HIDDEN}"


def _is_reason(value: str) -> bool:
    """`expired.`, `(expired)`, `not-yet-valid`."""
    return _IS_REASON(value.lower().strip("().;:")) is not None


def without_values(text: str, secrets: Iterable[str], mark: str = HIDDEN) -> str:
    """The text with `mark` wherever one of these secrets stood. A fingerprint among them stands for
    the token that has it (`without_fingerprinted`)."""
    known = [one for one in secrets if is_long_enough(one)]
    forms = {form for secret in known for form in encodings_of(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, mark)
    for one in known:
        if one.startswith("sha256:") and _FINGERPRINT.fullmatch(one):
            text = without_fingerprinted(text, one)
    return text


def without_fingerprinted(text: str, token_fingerprint: str) -> str:
    """The text with `…` for the word, or the part of one, that has this fingerprint: of a token
    that is not kept any more, nothing else is known."""
    return _WORD.sub(lambda found: _without_token(found[0], token_fingerprint), text)


def _without_token(word: str, token_fingerprint: str) -> str:
    if fingerprint(word) == token_fingerprint:
        return HIDDEN
    breaks = list(_BREAK.finditer(word))[:BREAKS_MAX]
    starts = [0, *(one.end() for one in breaks)]
    ends = [*(one.start() for one in breaks), len(word)]
    for start, end in product(starts, ends):
        if is_long_enough(word[start:end]) and fingerprint(word[start:end]) == token_fingerprint:
            return f"{word[:start]}{HIDDEN}{word[end:]}"
    return word


def is_long_enough(value: str) -> bool:
    """Whether it can be a secret."""
    return len(value) >= SECRET_LENGTH_MIN


def encodings_of(secret: str) -> set[str]:
    """As it stands, percent-encoded (from a form), escaped (from JSON), in base64 (from a
    header)."""
    raw = secret.encode("utf-8", "surrogatepass")
    percent = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    coded = {encode(raw).decode().rstrip("=") for encode in (b64encode, urlsafe_b64encode)}
    return {secret, " ".join(secret.split()), *percent, *escaped, *coded} - {""}


def without_secrets(value: Any, depth: int = DEPTH_MAX) -> Any:
    """The same shape; secrets are `…`, URLs lose their query, tokens inside texts are taken out."""
    return _walk(value, depth, hash_bodies=False)


def without_bodies(value: Any, depth: int = DEPTH_MAX) -> Any:
    """Without secrets, and what was said only as its hash and length."""
    return _walk(value, depth, hash_bodies=True)


def body_digest(text: str) -> dict[str, Any]:
    """What the audit keeps of a text: enough to prove which it was, not to read it."""
    return {
        "sha256": sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "characters": len(text),
    }


def is_word(text: object) -> bool:
    """A word as people write one, and no token looks. What a stranger gives as a name for something
    is quoted only if it is one."""
    return isinstance(text, str) and _PLAIN_WORD.fullmatch(text) is not None


def is_secret_name(name: str) -> bool:
    plain = _plain(name)
    return plain in SECRET_NAMES or bool(_SECRET_PART.search(plain))


def bare_url(url: str) -> str:
    """Scheme, host and port: a path or a query can be a key."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _walk(value: Any, depth: int, hash_bodies: bool) -> Any:
    if depth == 0:
        return HIDDEN
    if isinstance(value, dict):
        return {
            str(key): _field(str(key), one, depth - 1, hash_bodies) for key, one in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_walk(one, depth - 1, hash_bodies) for one in value]
    return redacted(value) if isinstance(value, str) else value


def _field(name: str, value: Any, depth: int, hash_bodies: bool) -> Any:
    if (
        _plain(name).endswith("fingerprint")
        and isinstance(value, str)
        and _FINGERPRINT.fullmatch(value)
    ):
        return value  # tells which token it was to its holder, and is of no use to others (AUDIT-2)
    if is_secret_name(name) and value not in (None, ""):
        is_count = isinstance(value, (int, float)) and _plain(name) not in SECRET_NAMES
        return value if is_count else HIDDEN
    if isinstance(value, str):
        if hash_bodies and name.lower() in _BODIES:
            return body_digest(value)
        if "webhook" in name.lower() and "://" in value:
            return bare_url(value)
        if value.startswith(("http://", "https://")):
            return value.split("?", 1)[0]
    return _walk(value, depth, hash_bodies)
