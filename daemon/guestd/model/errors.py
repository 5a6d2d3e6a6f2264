"""The error tree: whose fault it is, and whether to try again.

    GuestdError
    ├── ConfigError              the operator's: a key, its value's problem, the remedy
    ├── CommandError             the asker's: refused before anything was sent
    │   ├── NotReady             the guest session is not live and the policy says reject
    │   ├── Overloaded           a bound is full; wait `retry_after_s`
    │   ├── NotFound             no such guest session
    │   ├── Damaged              a row of the journal is not as it was written; it is not shown
    │   ├── TokenError           a guest token that is not to be believed; `code` says why
    │   └── LimitExceeded        SESS-1
    ├── DialError                the network's: carries an Ending
    ├── JournalError             the disk's: nothing may go on as if it had been written
    │   └── StorageFull          no room to open the journal: worth retrying
    ├── SpoolError               the disk's: our own copy of a file cannot be read or written
    └── PlatformError            the platform's: status, code, correlation id, remedy, `acted`
        ├── PlatformRefused      what will not pass by itself
        │   ├── PayloadRefused   400 and its like: the message says what is wrong with the request
        │   ├── NotAuthenticated 401: the OAuth client, or its token
        │   │   └── TokenRefused the platform gives the OAuth client no token
        │   ├── ScopeMissing     403: names the scope
        │   ├── NoSuchThing      404, 410
        │   ├── NoSuchPath       404, 405 where the platform does not know the path at all
        │   └── Conflicting      409: it exists already, has ended, or is full
        └── PlatformUnavailable  5xx, network: worth retrying
            ├── RateLimited      429
            └── BudgetSpent      our own request budget; nothing was sent
                └── AskedToWait  nothing was sent, because a 429 asked to wait

Foreign exceptions are translated on layer 2 and seen nowhere above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .endings import Ending

#: What the audit is told of a call whose last attempt was answered 429.
RATE_LIMITED = "platform.rate_limited"


#: The `cause` of a refusal that is about the guest's token (GUEST-3).
GUEST_TOKEN = "guest_token"

#: The causes of an answer that did not come, or not to its end.
CUT_OFF = ("broken", "timeout")

#: Remedies of a platform that cannot do it now, and of one that may have done it.
TRY_LATER = "try again later"
LOOK_FIRST = "look whether it was done before asking again"
ASK_AGAIN = "ask again; if it stays, check platform.api_url and the way there"
ASK_FOR_LESS = "ask for less at once"


class GuestdError(Exception):
    """Root of everything we raise on purpose. `exit_code`: of a command that it ends, where that
    does not follow from its kind."""

    worth_retrying = False
    code = "internal"
    exit_code: int | None = None


class ConfigError(GuestdError):
    """A setting we cannot work with. `field` is its dotted path, `remedy` what to write instead."""

    code = "config"

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        self.field, self.problem, self.remedy = field, problem, remedy
        super().__init__(f"{field}: {problem}" + (f"; {remedy}" if remedy else ""))


class FieldError(NamedTuple):
    """What is wrong with one field of a request, in words that begin with its name."""

    field: str
    detail: str


class CommandError(GuestdError):
    """A command we refuse. `code` is stable and machine-readable (SIM-2); `field` names the
    culprit, if one, and `errors` all of them, where they are known."""

    code = "invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(message)
        self.field, self.errors = field, errors
        if code is not None:
            self.code = code


class NotReady(CommandError):
    code = "not_ready"
    worth_retrying = True

    def __init__(self, message: str, state: str = "", retry_after_s: float = 1.0) -> None:
        """`state`: the guest session's. `retry_after_s`: until its next step may have been
        taken."""
        super().__init__(message)
        self.state, self.retry_after_s = state, retry_after_s


class Overloaded(CommandError):
    code = "overloaded"
    worth_retrying = True

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFound(CommandError):
    code = "not_found"


class Damaged(CommandError):
    """What was asked for is damaged in the journal. The message says which session, and what to
    do."""

    code = "damaged"


class TokenError(CommandError):
    """A guest token that is not to be believed. The message never quotes the token."""

    code = "bad_token"


class LimitExceeded(CommandError):
    code = "limit_exceeded"


class JournalError(GuestdError):
    """The journal cannot be used, or failed while it was. The message says what was done and what
    to do."""

    code = "journal"


class StorageFull(JournalError):
    """No room on the disk to open the journal; it may be tried again."""

    worth_retrying = True


class SpoolError(GuestdError):
    """Our own copy of a file is gone, changed, or cannot be written."""

    code = "spool"


class DialError(GuestdError):
    """A dial that did not become a connection."""

    code = "dial"

    def __init__(self, ending: Ending) -> None:
        super().__init__(str(ending))
        self.ending = ending


@dataclass(slots=True, frozen=True)
class ErrorItem:
    """One of the errors that a refusal lists (HTTP-3). `field` is the place in the request that was
    sent."""

    message: str = ""
    code: str = ""
    field: str = ""

    def __str__(self) -> str:
        said = (
            f"{self.field}: {self.message}"
            if self.field and self.message
            else self.field or self.message
        )
        return f"{said} [{self.code}]".strip() if self.code else said

    def shown(self) -> dict[str, str]:
        found = {"message": self.message, "code": self.code, "field": self.field}
        return {name: value for name, value in found.items() if value}


class PlatformError(GuestdError):
    """A call of the platform's REST side that is not a success (HTTP-3).

    `platform_code` is the platform's own word; `cause` is ours, where it was not the platform that
    said what went wrong: `timeout`, `broken`, `unreachable`, `malformed`, `budget`…, and
    `guest_token` where it refused the guest's token.
    `status` is None when no answer came. `operation` is the name it was called by, `remedy` what to
    do about it. `acted`: the platform may have done it all the same (an answer was lost, or cannot
    be read), so look before asking again. `attempts` and `latency_ms` tell of the whole call, its
    retries included, `attempt_ms` of its last attempt. `errors` are the single errors that the
    platform lists, `scopes` those any one of which is missing (AUTH-4).
    """

    code = "platform"
    #: What to do where nothing better is known: no failure is told without advice (HTTP-3).
    remedy_by_default = "see what the platform says"
    errors: tuple[ErrorItem, ...] = ()
    scopes: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        platform_code: str = "",
        cause: str = "",
        correlation_id: str = "",
        retry_after_s: float | None = None,
        operation: str = "",
        remedy: str = "",
        acted: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.platform_code = platform_code
        self.cause = cause
        self.correlation_id = correlation_id
        self.retry_after_s = retry_after_s
        self.operation = operation
        self.remedy = remedy or self.remedy_by_default
        self.acted = acted
        self.attempts = 0
        self.latency_ms = self.attempt_ms = 0.0

    @property
    def status_of_thing(self) -> int | None:
        """The status, where it is the platform's word on the very thing that was asked for: that it
        is missing, exists already, or is full. None where it is about something else."""
        return self.status

    def codes(self) -> dict[str, Any]:
        """What an audit keeps of it: codes, never the platform's words."""
        found = {
            "error_code": self.code,
            "error_status": self.status,
            "error_cause": self.cause,
            "platform_code": self.platform_code,
            "correlation_id": self.correlation_id,
        }
        return {name: value for name, value in found.items() if value not in (None, "")}

    def attempt_details(self, action: str = "") -> dict[str, Any]:
        """Of the error of a single attempt, what an audit keeps. A line of `RATE_LIMITED` says how
        many attempts there were, and is none itself (AUDIT-1)."""
        number = "attempts" if action == RATE_LIMITED else "attempt"
        latency_ms = round(self.latency_ms, 3)
        found = {"call": self.operation, number: self.attempts, "latency_ms": latency_ms}
        return {**found, **self.limit_details(), **self.codes()}

    def limit_details(self) -> dict[str, Any]:
        """What an audit keeps of a 429, and of any other answer that asked to wait."""
        found: dict[str, Any] = {}
        if self.retry_after_s is not None:
            found["retry_after_s"] = self.retry_after_s
        if self.status == 429:
            found["rate_limited"] = True
        return found

    def __str__(self) -> str:
        message = f"{self.operation}: {self.args[0]}" if self.operation else str(self.args[0])
        return f"{message}; {self.remedy}" if self.remedy else message


class PlatformRefused(PlatformError):
    code = "platform_refused"


class PayloadRefused(PlatformRefused):
    pass


class NotAuthenticated(PlatformRefused):
    pass


class TokenRefused(NotAuthenticated):
    """The platform gives the OAuth client no token. `status` is that of the token's address, and
    says nothing of the request or the thing that was asked for."""

    code = "platform_token_refused"

    @property
    def status_of_thing(self) -> None:
        return None


class ScopeMissing(PlatformRefused):
    """`scopes`: those the platform named, else those the operation is documented to need
    (AUTH-4)."""


def missing_in_words(scopes: Sequence[str]) -> str:
    return f"missing scope: {' or '.join(scopes)}"


class NoSuchThing(PlatformRefused):
    pass


class NoSuchPath(PlatformRefused):
    """The platform does not know the path, or not with this verb; nothing is said of the thing that
    was asked for."""

    code = "platform_path_unknown"

    @property
    def status_of_thing(self) -> None:
        return None


class Conflicting(PlatformRefused):
    pass


class PlatformUnavailable(PlatformError):
    code = "platform_unavailable"
    remedy_by_default = "try again later"
    worth_retrying = True


class RateLimited(PlatformUnavailable):
    pass


class BudgetSpent(PlatformUnavailable):
    code = "budget"


class AskedToWait(BudgetSpent):
    """No turn either, but not for our budget: a 429 asked this client to wait. `retry_after_s` is
    what is left of that."""

    code = "platform_unavailable"
