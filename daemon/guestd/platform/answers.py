"""What the platform's answers mean: JSON objects, or the error tree (HTTP-3)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any

from ..model.error_body import TEXT_CHARACTERS_MAX, ErrorBody, read_error, shortened
from ..model.errors import (
    LOOK_FIRST,
    TRY_LATER,
    Conflicting,
    ErrorItem,
    NoSuchPath,
    NoSuchThing,
    NotAuthenticated,
    PayloadRefused,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
    missing_in_words,
)
from ..model.foreign import RETRY_AFTER_TOLD_MAX_S
from ..observe.redaction import is_long_enough, is_secret_name, redacted, without_values
from ..policy.retry_after import retry_after_s

_SCOPE = re.compile(r"(?<![\w:/.-])[a-z][a-z-]*(?::[a-z*][a-z-]*){1,2}(?![\w:/-])")
_NO_PATH = re.compile(r"(?i)HTTP 404( Not Found)?")
_SCOPES_MAX = 8
WORDS_CHARACTERS_MAX = 1000  # of all that a refusal says, in one line
ERROR_CHARACTERS_MAX = 2000  # of an error: that, and our own words around it


@dataclass(slots=True, frozen=True)
class HttpReply:
    """An answer as it came. `headers` have lower-case names; `secrets` are those of its request."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    @property
    def correlation_id(self) -> str:
        return correlation_id_of(self.headers.get("inin-correlation-id", ""), self.secrets)


def correlation_id_of(header: str, secrets: tuple[str, ...]) -> str:
    return _word(redacted_line(header, secrets))


def object_of(reply: HttpReply, lists: bool = False, remedy: str = LOOK_FIRST) -> dict[str, Any]:
    """The JSON object of a success; an empty one for an empty body; of a call that answers with a
    bare list (`lists`) an object with it under `entities`. Raises PlatformUnavailable, for it may
    have acted, with `remedy`."""
    if not reply.body.strip():
        return {}
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found, problem = None, "is not JSON"
    else:
        problem = "is not a JSON object"
    if lists and isinstance(found, list):
        return {"entities": found}
    if isinstance(found, dict):
        return found
    raise PlatformUnavailable(
        f"the platform answered {reply.status}, but its answer {problem}",
        status=reply.status,
        cause="malformed",
        correlation_id=reply.correlation_id,
        remedy=remedy,
        acted=True,
    )


def refusal(
    reply: HttpReply, scopes: tuple[str, ...] = (), secrets: tuple[str, ...] = (), place: str = ""
) -> PlatformError:
    """The error that an answer other than a success stands for. What it says is shown without
    `secrets`. `place` is the verb and path of the call as configured."""
    said = _shown(read_error(reply.body), secrets)
    if _is_no_path(reply, said):
        return _no_such_path(reply, said, place, secrets)
    wait_s = retry_after_s(
        reply.header("retry-after"), reply.header("date"), time(), RETRY_AFTER_TOLD_MAX_S
    )
    kind, remedy = _KINDS.get(reply.status) or _kind_of(reply.status)
    missing = _scopes_named(reply, said, secrets) or scopes if reply.status == 403 else ()
    if missing:
        remedy = (
            f"{missing_in_words(missing)}; add it to the OAuth client (and the permission to its"
            " role) in Genesys Cloud Admin"
        )
    elif wait_s is not None:
        remedy = f"wait {round(wait_s, 1):g} s; {remedy}"
    correlation_id = _correlation_id(reply, said, secrets)
    if reply.status >= 500 and correlation_id:
        remedy += "; if it stays, tell the platform's support the correlation id"
    error = kind(
        f"the platform answered {reply.status} {_in_words(said)}".strip(),
        status=reply.status,
        platform_code=_word(said.code),
        correlation_id=correlation_id,
        retry_after_s=wait_s,
        remedy=remedy,
        acted=reply.status >= 500,
    )
    error.errors, error.scopes = said.items, missing
    return error


def _no_such_path(
    reply: HttpReply, said: ErrorBody, place: str, secrets: tuple[str, ...]
) -> PlatformError:
    """First the path, for the id that was asked for has nothing to do with it."""
    error = NoSuchPath(
        f"the platform has no such path{f', {place}' if place else ''}: it answered"
        f" {reply.status} {_in_words(said)}".strip(),
        status=reply.status,
        platform_code=_word(said.code),
        correlation_id=_correlation_id(reply, said, secrets),
        remedy="see platform.paths, where the paths of your org are set, and platform.api_url",
    )
    error.errors = said.items
    return error


def _is_no_path(reply: HttpReply, said: ErrorBody) -> bool:
    """Of a path that it does not know the platform says `HTTP 404 Not Found` and no more; of a
    thing that is missing it says which. A page of HTML is a gateway's, which knows no things at
    all."""
    if reply.status == 405:
        return True
    if reply.status != 404:
        return False
    is_page = (reply.header("content-type") or "").startswith("text/html")
    return is_page or said.code == "not found" or bool(_NO_PATH.fullmatch(said.message))


def _shown(said: ErrorBody, secrets: tuple[str, ...]) -> ErrorBody:
    """The same without anything that must not be shown."""
    items = [
        ErrorItem(
            redacted_line(one.message, secrets),
            redacted_line(one.code, secrets),
            redacted_line(one.field, secrets),
        )
        for one in said.items
    ]
    code, context_id = redacted_line(said.code, secrets), redacted_line(said.context_id, secrets)
    texts = tuple(without_values(one, secrets) for one in said.texts)
    return ErrorBody(redacted_line(said.message, secrets), code, context_id, tuple(items), texts)


def _in_words(said: ErrorBody) -> str:
    """All that it says, in one line."""
    items = ", ".join(map(str, said.items))
    return shortened(": ".join(filter(None, (said.message, items))), WORDS_CHARACTERS_MAX)


def _correlation_id(reply: HttpReply, said: ErrorBody, secrets: tuple[str, ...]) -> str:
    found = correlation_id_of(reply.header("inin-correlation-id") or "", secrets)
    return found or _word(said.context_id)


_KINDS: dict[int, tuple[type[PlatformError], str]] = {
    400: (PayloadRefused, "correct the request"),
    401: (
        NotAuthenticated,
        "check that the OAuth client (platform.client_id) still exists and is active",
    ),
    403: (
        ScopeMissing,
        (
            "check the scopes of the OAuth client, and the permissions of its role, in Genesys"
            " Cloud Admin"
        ),
    ),
    404: (NoSuchThing, "check the id"),
    408: (PlatformRefused, "the platform waited too long for the request; ask again"),
    409: (Conflicting, "look at its present state: it exists already, has ended, or is full"),
    410: (NoSuchThing, "it is gone for good"),
    413: (PayloadRefused, "make the request smaller"),
    415: (PayloadRefused, "correct the request"),
    422: (PayloadRefused, "correct the request"),
    429: (RateLimited, "if this repeats, lower rest.requests_per_minute"),
}


def _kind_of(status: int) -> tuple[type[PlatformError], str]:
    if status >= 500:
        return PlatformUnavailable, TRY_LATER
    if 300 <= status < 400:
        return (
            PlatformRefused,
            (
                "redirects are not followed; correct platform.api_url, platform.token_url or"
                " platform.paths"
            ),
        )
    return PlatformRefused, "see what the platform says"


# ------------------------------------------------------------------ what must not be shown


def secrets_in(body: Any) -> Iterator[str]:
    """The values of a request that must not come back in an error's text: everything under a key
    that sounds secret."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            if isinstance(value, str):
                if is_secret_name(str(key)) and is_long_enough(value):
                    yield value
            else:
                yield from secrets_in(value)
    elif isinstance(body, (list, tuple)):
        for one in body:
            yield from secrets_in(one)


def redacted_line(
    text: str, secrets: tuple[str, ...], characters_max: int = TEXT_CHARACTERS_MAX
) -> str:
    """One line, of bounded length, without secrets: those we know, and whatever looks like one."""
    return shortened(redacted(without_values(_one_line(text), secrets)), characters_max)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _scopes_named(reply: HttpReply, said: ErrorBody, secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Scopes or permissions that the answer itself says are missing (its messages, their
    parameters, WWW-Authenticate)."""
    asked = without_values(reply.header("www-authenticate") or "", secrets)
    texts = (asked, *said.texts)
    named = dict.fromkeys(scope for text in texts for scope in _SCOPE.findall(text[:4096]))
    return tuple(named)[:_SCOPES_MAX]


def _word(text: str) -> str:
    """A code or correlation id on one line, within its bound; what is not printable is marked. ""
    if nothing is left of it without secrets."""
    line = _one_line("".join(one if one.isprintable() else "?" for one in text))
    return shortened(line) if any(map(str.isalnum, line)) else ""
