"""Every stable code that users see: what it means, who can mend it, and whether to ask again.

`docs/reference/errors.md` is written from this table; a test holds it to the codes that the product
uses."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: Who can mend it: the caller, the operator of guestd, or the platform; "state": it follows from
#: what the guest session or the operation is doing; "load": a bound is reached.
Origin = Literal["caller", "operator", "platform", "state", "load", "guestd"]

NO, LATER, LOOK = "no", "yes, later", "look first what became of it"


class ErrorCode(NamedTuple):
    meaning: str
    origin: Origin
    retry: str = NO


#: What a request, a frame or a command is answered, and what the event says that settles it.
ERROR_CODES: dict[str, ErrorCode] = {
    "bad_json": ErrorCode("not a JSON object, not UTF-8, or nested too deep", "caller"),
    "bad_form": ErrorCode("the form of an upload cannot be read", "caller"),
    "bad_request": ErrorCode("the request cannot be understood, or its body is cut off", "caller"),
    "invalid": ErrorCode("a field has a value that is not allowed; `field` names it", "caller"),
    "unknown_action": ErrorCode("the frame's `action` is none of the simulator's", "caller"),
    "unknown_since": ErrorCode(
        "`since`, or `after` of a page or stream, is beyond the last seq: that was another guest"
        " session. On a socket all of this one follows",
        "caller",
    ),
    "too_large": ErrorCode("a frame, body or file is over its bound, which is named", "caller"),
    "too_long": ErrorCode("a text or the attributes are over the platform's limit", "caller"),
    "too_late": ErrorCode("what was to be withdrawn may have been sent", "caller"),
    "type": ErrorCode("the deployment takes no files of this type", "caller"),
    "unavailable": ErrorCode("the deployment takes no files", "operator"),
    "unsupported_media_type": ErrorCode("the Content-Type is none that is taken here", "caller"),
    "no_such_route": ErrorCode("there is nothing at this path", "caller"),
    "method_not_allowed": ErrorCode(
        "the path answers other methods, which `Allow` lists", "caller"
    ),
    "not_found": ErrorCode("no guest session, operation, command or file of that name", "caller"),
    "not_supported": ErrorCode("this daemon or this dialect cannot do that", "operator"),
    "not_configured": ErrorCode("a setting is missing, which the message names", "operator"),
    "unauthorized": ErrorCode("the bearer token is missing or wrong", "caller"),
    "origin_refused": ErrorCode(
        "the page's origin is not allowed; the log has the line", "operator"
    ),
    "local_only": ErrorCode(
        "the emulator's admin API answers this machine only; a setting lets others in", "operator"
    ),
    "no_such_host": ErrorCode("the host name is not allowed; the log has the line", "operator"),
    "conflict": ErrorCode(
        "the name, address or id is taken, or the same id came with other content", "state"
    ),
    "ended": ErrorCode("the guest session is over or about to end; open another one", "state"),
    "read_only": ErrorCode("the conversation is over; open another guest session", "state"),
    "not_ready": ErrorCode(
        "the connection to the platform is lost and not back; `retry_after_ms` until the next try",
        "state",
        LATER,
    ),
    "withdrawn": ErrorCode("the file was withdrawn before it was sent", "state"),
    "unconfirmed": ErrorCode(
        "it may have been sent, and cannot be found out: it is not sent again", "platform", LOOK
    ),
    "rate_limited": ErrorCode("too many messages at once", "load", LATER),
    "overloaded": ErrorCode("a queue is full; `Retry-After` says when", "load", LATER),
    "limit_exceeded": ErrorCode("so many guest sessions or frontends are open", "load", LATER),
    "timeout": ErrorCode("the body or the platform's answer did not come in time", "load", LATER),
    "journal_slow": ErrorCode("the journal did not answer in time", "operator", LATER),
    "draining": ErrorCode("the daemon is stopping", "operator", LATER),
    "storage_low": ErrorCode("the disk is nearly full: no new guest sessions", "operator", LATER),
    "storage_full": ErrorCode("the disk is full: no new work", "operator", LATER),
    "journal": ErrorCode("the journal failed; the daemon is about to end", "operator", LATER),
    "spool": ErrorCode("guestd's copy of a file cannot be written or read", "operator", LATER),
    "damaged": ErrorCode("a row of the journal is not as it was written", "operator"),
    "internal": ErrorCode("an error in guestd; the log has it under `error_id`", "guestd"),
    "platform": ErrorCode("the platform refused, with a number that has no word here", "platform"),
    "platform_refused": ErrorCode(
        "the platform refused; its own words and codes follow", "platform"
    ),
    "platform_unavailable": ErrorCode(
        "the platform did not answer, or asked to wait", "platform", LATER
    ),
    "platform_token_refused": ErrorCode(
        "the platform gives the OAuth client no token: check its id and secret", "operator"
    ),
    "platform_path_unknown": ErrorCode(
        "the platform does not know the path: adapt it in `platform.paths`", "operator"
    ),
    "budget": ErrorCode("no turn within the budget of requests; nothing was sent", "load", LATER),
}

#: Why `guestd keys verify` and the emulator refuse a guest token.
TOKEN_CODES: dict[str, ErrorCode] = {
    "bad_token": ErrorCode("not to be believed, for another reason", "caller"),
    "malformed": ErrorCode(
        "not a JSON Web Token, or it demands what guestd does not know", "caller"
    ),
    "wrong_algorithm": ErrorCode("not signed with RS256", "caller"),
    "missing_kid": ErrorCode("its header names no key", "caller"),
    "unknown_kid": ErrorCode("its key is not in this ring", "caller"),
    "retired_kid": ErrorCode("its key is not valid any more", "caller"),
    "bad_signature": ErrorCode("altered, or signed by another", "caller"),
    "missing_claim": ErrorCode("a claim is missing; `field` names it", "caller"),
    "bad_claim": ErrorCode("a claim has a value that is not allowed, or names another", "caller"),
    "wrong_audience": ErrorCode("`aud` is another", "caller"),
    "wrong_issuer": ErrorCode("`iss` is another", "caller"),
    "expired": ErrorCode("its time is over", "caller"),
    "not_yet_valid": ErrorCode("its time has not begun; compare the clocks", "caller"),
}

#: What only the command line says.
COMMAND_LINE_CODES: dict[str, ErrorCode] = {
    "config": ErrorCode("the configuration cannot be used; each problem is named", "operator"),
    "scenario_file": ErrorCode(
        "a scenario file cannot be used; each problem is named with its line", "caller"
    ),
    "refused": ErrorCode("the daemon refused, without a code of its own", "caller"),
    "not_guestd": ErrorCode("what answers at the address is not guestd", "caller"),
    "not_confirmed": ErrorCode("sent, and not confirmed in the time given", "platform", LOOK),
    "not_connected": ErrorCode(
        "no daemon answers; nothing was sent, unless `detail` says that this is not known",
        "operator",
        LATER,
    ),
}
