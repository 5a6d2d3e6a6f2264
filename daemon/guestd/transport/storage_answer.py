"""What the storage says when it does not take a file (HTTP-3). S3 and its like say it in XML, a
gateway before them in JSON or in words; what they repeat of the signed URL is not shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from time import time
from urllib.parse import parse_qsl, urlsplit

from ..model.error_body import ErrorBody, read_error, shortened
from ..model.errors import PlatformError, PlatformRefused, PlatformUnavailable, RateLimited
from ..model.foreign import RETRY_AFTER_TOLD_MAX_S
from ..observe.redaction import redacted, without_values
from ..policy.retry_after import retry_after_s

BYTES_MAX = 65_536

_REQUEST_IDS = ("inin-correlation-id", "x-amz-request-id", "x-ms-request-id", "x-request-id")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CODE = re.compile(r"<(?:\w+:)?Code>\s*([A-Za-z0-9._-]{1,100})\s*</")
_MESSAGE = re.compile(
    r"<(?:\w+:)?Message(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))\s*</", re.DOTALL
)

_IN_XML = re.compile(r"<(?:\w+:)?RequestId>\s*([^<\s]{1,128})\s*</")

#: Headers of a PUT that say nothing secret.
_HARMLESS = frozenset({"content-type", "content-length"})

_FRESH = "the upload URL is not valid any more, or not for this file; send the file again"
_CORRECT = "correct the file, its name or its type by what the storage says, and send it again"
_NO_UPLOADS = "the storage takes no uploads of this kind; tell the platform's support"
_REMEDIES = {
    401: _FRESH,
    403: _FRESH,
    404: _FRESH,
    405: _NO_UPLOADS,
    408: "the storage waited too long for the file; check the way there (network, proxy)",
    410: _FRESH,
    411: _NO_UPLOADS,
    413: "send a smaller file",
    415: "send a file of another type",
    429: "if this repeats, lower attachments.inflight_max",
    501: _NO_UPLOADS,
}


def storage_refusal(
    status: int, headers: Mapping[str, str], said: bytes, url: str, sent: Mapping[str, str]
) -> PlatformError:
    """The error that an answer other than a success stands for. `headers` are found by name in any
    case; `sent`: those of the request, whose values are as secret as those of the URL."""
    body = _read(said)
    wait_s = retry_after_s(
        headers.get("retry-after"), headers.get("date"), time(), RETRY_AFTER_TOLD_MAX_S
    )
    remedy = _remedy(status)
    if wait_s is not None:
        remedy = f"wait {round(wait_s, 1):g} s; {remedy}"
    in_query = (value for _, value in parse_qsl(urlsplit(url).query))
    in_headers = (value for name, value in sent.items() if name.lower() not in _HARMLESS)
    secrets = (url, *in_query, *in_headers)
    return _kind(status)(
        f"the storage answered {status} {_shown(body.message, secrets)}".strip(),
        status=status,
        platform_code=_shown(body.code, secrets),
        correlation_id=_request_id_of(headers, body.context_id, secrets),
        retry_after_s=wait_s,
        remedy=remedy,
    )


def _kind(status: int) -> type[PlatformError]:
    if status == 429:
        return RateLimited
    return PlatformUnavailable if status == 408 or status >= 500 else PlatformRefused


def _remedy(status: int) -> str:
    if status < 400:
        return "redirects are not followed; tell the platform's support"
    if status in _REMEDIES:
        return _REMEDIES[status]
    return "if it stays, tell the support of the storage" if status >= 500 else _CORRECT


def _read(said: bytes) -> ErrorBody:
    text = said[:BYTES_MAX].decode("utf-8-sig", errors="replace").lstrip()
    if not text.startswith("<"):
        return read_error(said)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    words = (message[1] or unescape(message[2] or "")) if message is not None else ""
    request_id = _IN_XML.search(text)
    return ErrorBody(
        " ".join(words.split()),
        code[1] if code is not None else "",
        request_id[1] if request_id is not None else "",
    )


def _shown(text: str, secrets: tuple[str, ...]) -> str:
    printable = "".join(one if one.isprintable() else "?" for one in text)
    return shortened(redacted(without_values(printable, secrets)))


def _request_id_of(headers: Mapping[str, str], in_body: str, secrets: tuple[str, ...]) -> str:
    """What the storage's support asks for, from the headers, else from the body. One that is not an
    id, or repeats what is secret, is not passed on."""
    found = (*(headers[name] for name in _REQUEST_IDS if name in headers), in_body)
    ids = (one for one in found if _REQUEST_ID.fullmatch(one))
    return next((one for one in ids if without_values(one, secrets) == one), "")
