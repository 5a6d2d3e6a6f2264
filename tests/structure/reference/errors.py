"""docs/reference/errors.md: every error code, from the table in `model/error_codes.py`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from guestd.api.problems import status_of
from guestd.model.error_codes import COMMAND_LINE_CODES, ERROR_CODES, TOKEN_CODES, ErrorCode

from .writing import GENERATED, table

PACKAGE = Path(__file__).parents[3] / "daemon" / "guestd"

INTRODUCTION = f"""\
# Errors

{GENERATED}
Program against `code`; the words beside it are for people and may change.

- **Simulator**: `{{"error": …, "code": …, "field"?: …, "command_id"?: …}}`; the socket stays open.
- **Control API**: a problem document (RFC 9457) with `code`, `detail`, `field` and, where it makes
  sense to ask again, `Retry-After`, `retry_after_s`.
- **Command line**: one line on standard error, or with `--json` an object with the same fields and
  `exit_code`. What the daemon refused exits with 1, and with 69 where no daemon answers.
- **Events**: the `code` of a `delivery` or `attachment` that failed.

*Who* can mend it: the caller; the operator, who runs guestd; the platform; *state*: it follows from
what the guest session or operation is doing; *load*: a bound is reached; *guestd*: report it.
*Again?* says whether the same request may be made again. Whoever gives a `command_id` or an
`Idempotency-Key` may always ask again: it is done once.

## Requests, frames and commands

The status is the control API's. Refusals of the platform have the status that fits the platform's
own: 404, 409, 413, 422, 429, else 502.
"""
TOKENS = """
## Guest tokens

`guestd keys verify` exits with 1 and says one of these.
"""
COMMAND_LINE = """
## Command line
"""


def page() -> str:
    parts = [INTRODUCTION]
    parts += _rows(ERROR_CODES, statuses)
    parts.append(TOKENS)
    parts += table(
        ("code", "means"), ((f"`{code}`", one.meaning) for code, one in TOKEN_CODES.items())
    )
    parts.append(COMMAND_LINE)
    parts += _rows(COMMAND_LINE_CODES, _exit_code, "exit")
    return "\n".join(parts) + "\n"


def _rows(
    codes: Mapping[str, ErrorCode], figure: Callable[[str], str], title: str = "status"
) -> Iterator[str]:
    rows = (
        (f"`{code}`", figure(code), one.meaning, one.origin, one.retry)
        for code, one in codes.items()
    )
    return table(("code", title, "means", "who", "again?"), rows)


#: Codes that only a socket or an event gives.
_WITHOUT_STATUS = {"unknown_action", "withdrawn", "unconfirmed"}
#: Of a reason that `api/problems.py` translates by itself.
_TRANSLATED = {
    "no_such_route": "404",
    "method_not_allowed": "405",
    "journal": "503",
    "spool": "503",
    "overloaded": "429, 503",
    "platform_unavailable": "429, 502",
}


def statuses(code: str) -> str:
    if code in _WITHOUT_STATUS:
        return ""
    if code in _TRANSLATED:
        return _TRANSLATED[code]
    if code.startswith("platform") or code == "budget":
        return "502"
    given = used_codes()[code] or {status_of(code)}
    return ", ".join(sorted(str(one) for one in given))


_EXITS = {
    "config": "78",
    "scenario_file": "2",
    "refused": "1",
    "not_confirmed": "1",
    "not_connected": "69",
}


def _exit_code(code: str) -> str:
    return _EXITS.get(code, "")


@cache
def used_codes() -> dict[str, set[int]]:
    """Every code that the product gives, with the statuses that stand beside it in the source.

    The emulator's are the platform's, in docs/protocol.md."""
    found: dict[str, set[int]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.is_relative_to(PACKAGE / "emulator"):
            for node in ast.walk(ast.parse(path.read_text())):
                for code, status in _codes_of(node):
                    found.setdefault(code, set()).update({status} - {0})
    return found


_KINDS = ("CommandError", "TokenError", "NotFound", "GuestdError")


def _codes_of(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) for base in node.bases):
        for one in node.body:
            if isinstance(one, ast.Assign) and [ast.unparse(x) for x in one.targets] == ["code"]:
                yield from _words(one.value, 0)
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    if name in ("Problem", "AccessRefusal") and len(node.args) > 1:
        status = node.args[0].value if isinstance(node.args[0], ast.Constant) else 0
        yield from _words(node.args[1], status)
    elif name == "PlatformFailure" and node.args:
        yield from _words(node.args[0], 0)
    elif name in _KINDS:
        for keyword in node.keywords:
            if keyword.arg == "code":
                yield from _words(keyword.value, 0)


def _words(value: ast.expr, status: int) -> Iterator[tuple[str, int]]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
        yield value.value, status
