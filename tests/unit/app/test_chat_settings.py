"""What `guestd chat -c` takes from a daemon's configuration, and what it must leave alone."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner

from guestd.app.chat.connection import SimulatorAddress
from guestd.app.cli import app
from guestd.app.commands.chat import without_what_is_the_daemons
from guestd.app.config import Config
from guestd.app.wiring.followers import audit_directory
from guestd.app.wiring.storage import journal_directory, new_spool
from guestd.spool.spool import SUFFIX


def test_a_chat_leaves_the_daemons_copies_audit_receivers_and_socket_alone(tmp_path):
    """A spool shared with a running daemon would be swept at the chat's start: files that were
    accepted would be gone."""
    given = {
        "journal": {"directory": str(tmp_path)},
        "attachments": {"spool_directory": str(tmp_path / "spool"), "per_session_max": 7},
        "audit": {"directory": str(tmp_path / "audit")},
        "webhooks": {
            "targets": [
                {"name": "crm", "url": "https://crm.example.org/", "secrets": ["0123456789abcdef"]}
            ]
        },
        "api": {"unix_socket": str(tmp_path / "socket")},
    }
    config = without_what_is_the_daemons(Config.model_validate(given))
    assert journal_directory(config, {}) is None and audit_directory(config, None) is None
    assert not config.webhooks.targets and config.api.unix_socket is None
    assert config.attachments.per_session_max == 7
    (tmp_path / "spool").mkdir()
    copy = tmp_path / "spool" / f"kept{SUFFIX}"
    copy.write_bytes(b"accepted")
    spool = new_spool(config, {})
    spool.start()
    spool.clear_orphans(set())
    asyncio.run(spool.stop())
    assert copy.exists() and config.attachments.spool_directory is None


def test_the_guests_name_is_an_argument_too_and_given_once():
    for arguments in (["chat", "ana", "--url", "http://127.0.0.1:1"], ["chat", "ana", "bob"]):
        done = CliRunner().invoke(app, arguments, input="")
        assert (done.exit_code == 2) == ("bob" in arguments)
    done = CliRunner().invoke(app, ["chat", "ana", "--guest", "bob"])
    assert done.exit_code == 2 and "is given twice" in done.stderr


@pytest.mark.parametrize("command", ["chat", "emulate"])
@pytest.mark.parametrize(
    ("agent", "said"),
    [("faqq", "'faqq' must be one of echo"), ("no/such.toml", "no/such.toml cannot be read")],
)
def test_an_agent_that_is_none_is_wrong_usage_as_in_the_other_commands(command, agent, said):
    done = CliRunner().invoke(app, [command, "--agent", agent], env={"COLUMNS": "200"})
    assert done.exit_code == 2 and f"Invalid value for --agent: {said}" in done.stderr


@pytest.mark.parametrize(
    ("socket", "http"),
    [
        ("ws://localhost:3000/", "http://localhost:3000"),
        ("ws://localhost:3000/?when_down=reject", "http://localhost:3000"),
        ("wss://guest.example.org/chat/?a=b", "https://guest.example.org/chat"),
    ],
)
def test_a_large_file_goes_to_the_api_beside_the_socket(socket, http):
    assert SimulatorAddress(socket).http_url == http
