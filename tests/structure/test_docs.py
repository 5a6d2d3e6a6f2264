"""The documents say what is there: links lead somewhere, commands and flags exist, every contract
has its row and its test, every route of the control API is named, and the code that receivers are
told to copy works."""

from __future__ import annotations

import re
import shlex
import time
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from guestd.api.control.control import ControlApi, ControlPorts
from guestd.api.control.stream import StreamBounds
from guestd.api.settings import ApiSettings
from guestd.app.cli import app
from guestd.app.load_config import load_config
from guestd.observe.metrics import Metrics
from guestd.platform.table import CALLS
from guestd.webhooks.signing import signature
from tests.mutants.patches import all_mutants

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    ROOT / "examples" / "README.md",
    *sorted(DOCS.rglob("*.md")),
)
CONTRACTS = {
    "AUTH": 4,
    "HTTP": 4,
    "SESS": 8,
    "GUEST": 3,
    "SOCK": 8,
    "SIM": 4,
    "INJ": 5,
    "ASSIST": 5,
    "SYNC": 1,
    "AUDIT": 2,
}
IDS = [f"{family}-{n}" for family, last in CONTRACTS.items() for n in range(1, last + 1)]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    """Blocks of code. One of TOML with a title is not guestd's configuration; of the shell, a title
    names the terminal."""
    title = r"(?: title=[^\n]*)?" if language == "sh" else ""
    return re.findall(
        rf"^```{language}{title}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
    )


def command_lines(page: Path) -> list[list[str]]:
    """What follows each `guestd` in shell blocks and inline code, up to the end of that command."""
    code = [line for block in blocks(page, "sh") for line in block.splitlines()]
    code += re.findall(r"`([^`\n]+)`", page.read_text())
    found = []
    for line in code:
        for part in re.split(r"\|\|?|&&|;|\$\(|\)", line.replace("\\|", "|")):
            if command := re.match(r"\s*(?:[A-Z_]+=\S+\s+)*(?:\.venv/bin/)?guestd +(\S.*)", part):
                found.append(words(command.group(1)))
    return found


def words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # cut inside quotes: the words up to there
        return text.split("'")[0].split('"')[0].split()


@cache
def root():
    return typer.main.get_command(app)


def complaint(arguments: list[str]) -> str:
    """What guestd would not know in a command line; "" if it knows everything."""
    command = root()
    while hasattr(command, "get_command") and arguments and not arguments[0].startswith(("-", "<")):
        if command.name == "load" and command.get_command(None, arguments[0]) is None:
            arguments = ["run", *arguments]  # `guestd load FILE`
        names, arguments = arguments[0].split("|"), arguments[1:]
        inner = command.get_command(None, names[0])
        if inner is None and names[0].endswith((".yml", ".yaml", "FILE")):  # of `guestd load`
            inner, arguments = command.get_command(None, "run"), [names[0], *arguments]
        if inner is None:
            return f"no command {names[0]}"
        command = inner
    known = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {
        "--help",
        "--version",
    }
    unknown = [
        one
        for one in arguments
        if re.match(r"--?[a-z]", one) and one.partition("=")[0] not in known
    ]
    return f"{command.name} has no {', '.join(unknown)}" if unknown else ""


@every_page
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    gone = [
        one
        for one in links
        if "://" not in one and not (page.parent / one.partition("#")[0]).exists()
    ]
    assert gone == []


@every_page
def test_commands_and_flags_exist(page):
    assert [found for one in command_lines(page) if (found := complaint(one))] == []


def test_a_command_or_flag_that_is_not_there_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "`guestd dance`\n```sh\nX=1 guestd serve --prot 3 | guestd keys list --jsn\n```\n"
    )
    assert [complaint(one) for one in command_lines(page)] == [
        "serve has no --prot",
        "list has no --jsn",
        "no command dance",
    ]
    assert sum(len(command_lines(one)) for one in PAGES) > 50


@every_page
def test_configurations_are_accepted(page, tmp_path):
    for name in ("crm.secret", "platform-secret", "api-token", "webhook-secret", "simulator-token"):
        (tmp_path / name).write_text("0123456789abcdef")
    (tmp_path / "proxy_url").write_text("http://proxy.example.org:3128")
    for block in blocks(page, "toml"):
        tomllib.loads(block)
        path = tmp_path / "guestd.toml"
        path.write_text(block.replace("/etc/guestd/crm.secret", str(tmp_path / "crm.secret")))
        load_config(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_every_contract_has_a_row_that_shows_it_and_a_test_named_after_it():
    tests = set(
        re.findall(
            r"def (test_\w+)\(",
            "".join(one.read_text() for one in (ROOT / "tests").rglob("test_*.py")),
        )
    )
    rows = re.findall(
        r"^\| ([A-Z]+-\d+) \| (.+) \| (.+) \| ((?:`\w+`(?:, )?)+) \| [\w, -]+ \|$",
        (DOCS / "contracts.md").read_text(),
        re.MULTILINE,
    )
    assert [one[0] for one in rows] == IDS
    for contract, _, shown, named_tests in rows:
        family, _, number = contract.lower().partition("-")
        for test in re.findall(r"\w+", named_tests):
            assert test in tests, f"{contract}: there is no {test}"
            named = re.search(rf"{family}_((?:\d+|and)_)*{number}_", test) or re.search(
                rf"_{family}_{number}_", test
            )
            assert named, f"{test} is not named after {contract}"
        assert "`" in shown, f"{contract}: nothing shows it"


def test_every_contract_names_its_mutants():
    reported = re.findall(
        r"^\| ([A-Z]+-\d+) \|.*\| ([\w, -]+) \|$", (DOCS / "contracts.md").read_text(), re.MULTILINE
    )
    found = [f"{row}-{name}" for row, names in reported for name in names.split(", ")]
    assert sorted(found) == sorted(one.name for one in all_mutants())


def test_every_route_of_the_control_api_is_named():
    bounds = StreamBounds(events_max=1, bytes_max=1, write_timeout_s=1.0, heartbeat_s=1.0)
    control = ControlApi(ControlPorts(None, Metrics(), str), ApiSettings(), bounds)  # type: ignore[arg-type]  # none is asked
    documented = set(
        re.findall(r"`((?:GET|POST|PUT|DELETE) /v1/[^`?]+)`", (DOCS / "control-api.md").read_text())
    )
    assert documented == {f"{route.method} {route.path}" for route in control.routes}


def test_every_call_of_the_platform_is_named_with_its_path_and_scopes():
    text = (DOCS / "platform-differences.md").read_text()
    found = re.findall(r"^\| `([\w.]+)` \| `(\S+) (\S+)` \| (.+?) \|", text, re.MULTILINE)
    reported = {
        name: (verb, path, tuple(re.findall(r"`([^`]+)`", scopes)))
        for name, verb, path, scopes in found
    }
    assert reported == {one.name: (one.verb, one.path, one.scopes) for one in CALLS.values()}


def test_sync_1_the_check_that_receivers_copy_works():
    (snippet,) = blocks(DOCS / "webhooks.md", "python")
    names: dict = {}
    exec(snippet, names)
    is_from_guestd, secret, body, now = (
        names["is_from_guestd"],
        b"0123456789abcdef",
        b'{"id": "1"}',
        int(time.time()),
    )
    good = signature(body, (b"another secret...", secret), now)
    assert is_from_guestd(good, body, secret)
    assert not is_from_guestd(good, body + b" ", secret)
    assert not is_from_guestd(good, body, b"fedcba9876543210")
    assert not is_from_guestd(signature(body, (secret,), now - 301), body, secret)
    assert is_from_guestd(signature(body, (secret,), now - 301), body, secret, window_s=400)
    for nonsense in ("", "t=", "t=1,t=2", "v1=00", f"t={now}", f"t={now},v1=é", "t=\u0661,v1=00"):
        assert not is_from_guestd(nonsense, body, secret)


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Lines that can be wrapped: not those of tables and of blocks of code, and no headings."""
    is_code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.startswith(("|", "#")):
            yield number, line


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "README.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_lines_have_at_most_100_columns(page):
    """But for what has no space to break at: an address, code in the line."""
    long = [
        f"{number}: {line}"
        for number, line in prose(page)
        if len(line.replace("\\<", "<")) > 100 and " " in re.sub(r"`[^`]*`", "", line.strip())
    ]
    assert long == []


def test_every_event_of_the_log_is_listed():
    """Those that a line's fields name, by themselves or in a call of the session log."""
    named = re.compile(r"""\bevent(?:=|": )"([a-z_]+)"|_line\(\s*"([a-z_]+)",\s*logging""")
    found = {
        word
        for path in (ROOT / "daemon" / "guestd").rglob("*.py")
        for match in named.findall(path.read_text())
        for word in match
        if word
    }
    listed = set(re.findall(r"`([a-z_]+)`", "".join(_log_rows())))
    assert len(found) > 30 and not found - listed


def _log_rows() -> list[str]:
    text = (DOCS / "operations.md").read_text().partition("### The log\n")[2].partition("\n## ")[0]
    return [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
