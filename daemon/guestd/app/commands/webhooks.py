"""`guestd webhooks list | replay | verify | listen | test`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ...model.errors import CommandError, ConfigError
from .files import AsJson, File, find_journal, guarded

LISTEN_EXAMPLES = """Examples:

guestd webhooks listen

guestd webhooks listen --port 4001 --secret-file crm.secret --json

guestd webhooks listen --status 503        every webhook is refused, to see what guestd does then"""

TEST_EXAMPLES = """Examples:

guestd webhooks test -c guestd.toml

guestd webhooks test -c guestd.toml --target crm --json"""

app = typer.Typer(
    help="Look at webhooks, send dead letters again, check a signature, receive and send a test.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Directory = Annotated[
    Path | None, typer.Option("-d", "--directory", help="The journal's directory itself.")
]


@app.command("list", epilog="Example:\n\nguestd webhooks list --dead -d /var/lib/guestd --json")
def list_(
    config: File = None,
    directory: Directory = None,
    dead: Annotated[bool, typer.Option("--dead", help="Those that were given up.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Those not delivered yet (the default).")
    ] = False,
    delivered: Annotated[bool, typer.Option("--delivered", help="Those delivered lately.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """What waits, what was given up and why. A running daemon is not disturbed."""

    def work() -> None:
        from .stored_webhooks import lines_of

        wanted = [
            word
            for word, is_on in (("waiting", waiting), ("dead", dead), ("delivered", delivered))
            if is_on
        ]
        place = find_journal(config, directory)
        for status in wanted or ["waiting"]:
            for line in lines_of(place, status, limit, as_json):
                print(line)

    guarded(work, as_json)


@app.command(
    epilog=(
        "Examples:\n\nguestd webhooks replay 000000000042-9f3a1c2b77de-crm\n\nguestd webhooks"
        " replay --all-dead"
    )
)
def replay(
    delivery_id: Annotated[
        str | None, typer.Argument(help="A webhook that is dead or delivered.")
    ] = None,
    config: File = None,
    directory: Directory = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead letter.")] = False,
) -> None:
    """Send webhooks again, with the same id, at the daemon's next start. The daemon must be
    stopped: it owns the journal."""

    def work() -> None:
        if (delivery_id is None) != all_dead:
            raise CommandError("name one webhook, or write --all-dead")
        from .stored_webhooks import send_again

        print(f"{send_again(find_journal(config, directory), delivery_id)} webhooks wait again")

    guarded(work)


@app.command(
    epilog=(
        "Example:\n\nguestd webhooks verify --secret-file crm.secret --signature"
        " 't=1767225600,v1=5f2b…' < body.json"
    )
)
def verify(
    secret_file: Annotated[Path, typer.Option(help="The file with the secret shared with guestd.")],
    signature: Annotated[str, typer.Option(help="The value of the Guestd-Signature header.")],
    max_age_s: Annotated[
        float, typer.Option(help="How far its time may be from now, in seconds.")
    ] = 300.0,
) -> None:
    """Check a received webhook, its body on standard input byte for byte: exit 0 if guestd sent it,
    1 if not, and why."""

    def work() -> None:
        from ...webhooks.signing import problem_with

        body = sys.stdin.buffer.read()
        secret = _secret(secret_file)
        problem = problem_with(signature, body, secret, time.time(), max_age_s)
        print(problem or "the signature is good")
        if problem:
            raise typer.Exit(1)

    guarded(work)


def _secret(path: Path) -> bytes:
    """Raises ConfigError."""
    from ..secret_files import read_secret

    try:
        return read_secret(path, may_be_pipe=True)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or error}"
        raise ConfigError("--secret-file", problem, "name the file with the secret") from None


@app.command(epilog=LISTEN_EXAMPLES)
def listen(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 4000,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            help="The file with the secret shared with guestd: what does not verify with it is"
            " answered 401. If left out, one is drawn, and all is taken."
        ),
    ] = None,
    status: Annotated[
        int, typer.Option(min=200, max=599, help="What every other webhook is answered.")
    ] = 204,
    as_json: AsJson = False,
) -> None:
    """Receive webhooks on this machine, check their signatures and print them, until Ctrl-C.
    What to write into guestd's configuration is said first, on standard error."""

    def work() -> None:
        from .webhook_listener import receive

        receive(host, port, secret_file, status, as_json)

    guarded(work)


@app.command(epilog=TEST_EXAMPLES)
def test(
    config: File = None,
    target: Annotated[str | None, typer.Option(help="Only this target; all if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send one signed test event (webhook.test) to the configured targets, each once, and say what
    they answered: exit 0 if all took it, 1 if not. The daemon may run, and is not involved."""

    def work() -> None:
        from .webhook_test_event import send_test

        if not send_test(config, target, as_json):
            raise typer.Exit(1)

    guarded(work)
