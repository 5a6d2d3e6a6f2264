"""What `--help` shows on a narrow terminal, at once; completion; words mistyped; Ctrl-C at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from guestd import __version__
from guestd.app.cli import COMMANDS, app, asked_for_help
from guestd.app.commands.operations import ENDING, PATHS
from guestd.operations.workflows import WORKFLOWS

NARROW = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}


def guestd(*arguments):
    done = CliRunner(env=NARROW).invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_a_narrow_terminal_and_has_examples(name):
    code, shown, _ = guestd(*name.split(), "-h")
    assert code == 0 and shown == guestd(*name.split(), "--help")[1]
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "guestd " in shown.partition("Options:")[2] or "Commands:" in shown


def test_an_example_stands_whole_and_what_is_said_of_it_below_where_there_is_no_room():
    shown = guestd("load", "-h")[1].splitlines()
    at = shown.index("  guestd load parcel.yml -u 100 -r 10 -t 2m")
    assert shown[at + 1] == "      100 guests at a time, ten more each second"


@pytest.mark.parametrize("name", ["load", "sessions"])
def test_a_group_says_the_first_sentence_of_each_command_whole(name):
    commands = guestd(name, "-h")[1].partition("Commands:")[2].partition("Examples:")[0]
    assert "..." not in commands and commands.count(".") >= 6


def test_the_list_of_sessions_says_since_when_the_last_message_is_known():
    shown = " ".join(guestd("sessions", "list", "-h")[1].split())
    assert '"last message" is known since the daemon started' in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_says_what_the_command_says_of_itself(name):
    """The list is written apart, so that it need not load the commands."""
    line, of_itself = COMMANDS[name].rstrip("."), " ".join(guestd(name, "-h")[1].split())
    words = {one.strip(".,;:").lower() for one in line.split() if len(one) > 4}
    assert words & {one.strip(".,;:").lower() for one in of_itself.split()}, line


@pytest.mark.parametrize("option", ["-c", "--config"])
@pytest.mark.parametrize("command", ["sessions list", "send ana hi", "top"])
def test_a_configuration_for_a_command_that_talks_to_a_daemon_is_told_what_to_give(command, option):
    code, _, err = guestd(*command.split(), option, "guestd.toml")
    assert code == 2 and f"No such option: {option}; this command talks to a running daemon" in err
    assert "talks to" not in guestd("version", option, "guestd.toml")[2]


def paths(command=None, above=()):
    """Of every command and group: its words."""
    command = command or get_command(app)
    yield above
    if isinstance(command, TyperGroup):
        ctx = Context(command)
        for name in command.list_commands(ctx):
            yield from paths(command.get_command(ctx, name), (*above, name))


@pytest.mark.parametrize("path", list(paths()), ids=" ".join)
def test_help_asked_for_directly_is_the_help_that_typer_gives(path):
    """The direct way loads less."""
    with CliRunner(env=NARROW).isolation():  # it has a width of its own
        direct = asked_for_help([*path, "--help"])
    assert guestd(*path, "-h")[:2] == (0, f"{direct}\n")


#: The interpreter and typer take half of the 150 ms of CPU time that a help text may; each of these takes 15 to 200.
HEAVY = [
    "aiohttp",
    "annotated_types",
    "asyncio",
    "cryptography",
    "jwt",
    "msgspec",
    "orjson",
    "prometheus_client",
    "prompt_toolkit",
    "pydantic",
    "rich",
    "sqlite3",
    "ssl",
    "uvloop",
    "websockets",
    "yarl",
]

ALL_HELP = f"""
import sys
from guestd.app.cli import asked_for_help
for path in sys.stdin.read().splitlines():
    assert asked_for_help([*path.split(), "-h"])
    found = set({HEAVY!r}) & set(sys.modules)
    assert not found, (path, found)
"""


def test_no_help_loads_what_the_commands_need():
    every = "\n".join(" ".join(path) for path in paths())
    done = subprocess.run(
        [sys.executable, "-c", ALL_HELP], input=every, capture_output=True, text=True
    )
    assert done.returncode == 0 and every.count("\n") > 40, done.stderr


def test_the_kinds_of_operations_are_those_there_are():
    """The command line has them by heart, since to load them takes longer than a help text may."""
    assert {one.kind: f"/v1/{one.path}" for one in WORKFLOWS} == PATHS
    assert set(ENDING) == {one.kind for one in WORKFLOWS if one.ending}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv"], "did you mean 'serve'?"),
        (["dance"], "guestd --help lists them"),
        (["sessions", "lst"], "did you mean 'list'?"),
        (["sessions", "opn"], "did you mean 'open'?"),
    ],
)
def test_a_mistyped_command_is_corrected(arguments, said):
    code, _, complaint = guestd(*arguments)
    assert code == 2 and said in complaint


@pytest.mark.parametrize("words", [["hi", "there"], ["where", "is", "my", "parcel?"]])
def test_a_text_of_several_words_wants_quotes(words):
    done = CliRunner().invoke(app, ["send", "ana", *words], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert f"put the text in quotes: guestd send ana '{' '.join(words)}'" in done.stderr


def test_an_option_that_is_none_is_not_taken_for_words():
    done = CliRunner().invoke(app, ["send", "ana", "hi", "--wiat", "3"], env={"COLUMNS": "200"})
    assert done.exit_code == 2 and "quotes" not in done.stderr and "--wiat" in done.stderr


def test_the_version_is_told_in_both_ways():
    assert guestd("--version")[1] == f"guestd {__version__}\n"
    assert guestd("version")[1].startswith(f"guestd {__version__} ")


@pytest.mark.parametrize(
    ("typed", "offered"), [("ses", "sessions"), ("sessions li", "list"), ("send --wa", "--wait")]
)
def test_the_shell_completes_commands_and_options(typed, offered):
    words = f"guestd {typed}"
    env = {"_GUESTD_COMPLETE": "complete_bash", "COMP_WORDS": words}
    env["COMP_CWORD"] = str(len(words.split()) - 1)
    done = subprocess.run(
        [sys.executable, "-m", "guestd"], env=env, capture_output=True, text=True, timeout=60
    )
    assert offered in done.stdout.split(), done.stdout + done.stderr


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["AT"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from guestd.app.entry import main
main()
"""


def test_help_whose_reader_has_enough_is_no_failure():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "guestd", "--help"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", ["typer", "aiohttp"])
def test_ctrl_c_while_a_command_is_loaded_leaves_without_a_traceback(module):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADING, "sessions", "list"],
        env={**os.environ, "AT": module},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
