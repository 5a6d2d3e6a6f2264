"""The error tree: whose fault it is, and whether to try again.

    GuestdError
    ├── ConfigError              the operator's: a key, its value's problem, the remedy
    ├── CommandError             the asker's: refused before anything was sent
    │   ├── NotReady             the guest session is not live and the policy says reject
    │   ├── Overloaded           a bound is full; wait `retry_after_s`
    │   ├── NotFound             no such guest session
    │   └── LimitExceeded        SESS-1
    ├── DialError                the network's: carries an Ending
    ├── JournalError             the disk's: nothing may go on as if it had been written
    ├── SpoolError               the disk's: our own copy of a file cannot be read or written
    └── PlatformError            the platform's: status, code, correlation id
        ├── PlatformRefused      4xx that will not pass by itself
        └── PlatformUnavailable  429, 5xx, network: worth retrying

Foreign exceptions are translated on floor 2 and seen nowhere above it.
"""

from __future__ import annotations

from .endings import Ending


class GuestdError(Exception):
    """Root of everything we raise on purpose."""

    worth_retrying = False
    code = "internal"


class ConfigError(GuestdError):
    """A setting we cannot work with. `field` is its dotted path, `remedy` what to write instead."""

    code = "config"

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        self.field, self.problem, self.remedy = field, problem, remedy
        super().__init__(f"{field}: {problem}" + (f"; {remedy}" if remedy else ""))


class CommandError(GuestdError):
    """A command we refuse. `code` is stable and machine-readable (SIM-2); `field` names the culprit, if one."""

    code = "invalid"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        if code is not None:
            self.code = code


class NotReady(CommandError):
    code = "not_ready"
    worth_retrying = True


class Overloaded(CommandError):
    code = "overloaded"
    worth_retrying = True

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFound(CommandError):
    code = "not_found"


class LimitExceeded(CommandError):
    code = "limit_exceeded"


class JournalError(GuestdError):
    """The journal cannot be used, or failed while it was. The message says what was done and what to do."""

    code = "journal"


class SpoolError(GuestdError):
    """Our own copy of a file is gone, changed, or cannot be written."""

    code = "spool"


class DialError(GuestdError):
    """A dial that did not become a link."""

    code = "dial"

    def __init__(self, ending: Ending) -> None:
        super().__init__(str(ending))
        self.ending = ending


class PlatformError(GuestdError):
    """An answer of the platform's REST side that is not a success (HTTP-3)."""

    code = "platform"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        platform_code: str = "",
        correlation_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.platform_code = platform_code
        self.correlation_id = correlation_id
        self.retry_after_s = retry_after_s


class PlatformRefused(PlatformError):
    code = "platform_refused"


class PlatformUnavailable(PlatformError):
    code = "platform_unavailable"
    worth_retrying = True
