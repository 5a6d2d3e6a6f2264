"""`guestd keys`: what is typed, what is printed, how it exits. In this process, over real files."""

from __future__ import annotations

import json
import stat

import jwt
import pytest
from typer.testing import CliRunner

from guestd.app.cli import app


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """Runs one command over the ring of this test; gives exit code, standard output, standard
    error."""
    for name in ("STATE_DIRECTORY", "GUESTD_IDENTITY__DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def go(*arguments, stdin=None, where=("-d", str(tmp_path / "keys"))):
        done = CliRunner().invoke(
            app, ["keys", *arguments, *where], input=stdin, env={"NO_COLOR": "1"}
        )
        return done.exit_code, done.stdout, done.stderr

    return go


def test_guest_2_an_operator_makes_keys_rotates_exports_and_checks(keys, tmp_path):
    code, _, complaint = keys("list")
    assert code == 78 and "guestd keys rotate makes the first one" in complaint

    code, out, _ = keys("rotate", "--json")
    first = json.loads(out)["kid"]
    assert code == 0 and json.loads(out)["before"] is None
    code, out, _ = keys("sign", "ana", "--metadata", '{"tier": "premium"}')
    token = out.strip()
    assert code == 0 and jwt.get_unverified_header(token)["kid"] == first

    code, out, complaint = keys("rotate", "--overlap", "24h")
    assert code == 0 and complaint == "" and f"{first} is valid until" in out
    second = out.split()[0]
    rows = json.loads(keys("list", "--json")[1])["keys"]
    assert [(row["kid"], row["state"], row["bits"]) for row in rows] == [
        (second, "signing", 2048),
        (first, "overlap", 2048),
    ]
    code, out, _ = keys("list")
    assert [line.split()[:2] for line in out.splitlines()] == [
        [second, "signing"],
        [first, "overlap"],
    ]

    code, out, _ = keys("verify", "-", "--json", stdin=f"{token}\n")
    found = json.loads(out)
    assert code == 0 and (found["guestId"], found["kid"], found["metadata"]) == (
        "ana",
        first,
        {"tier": "premium"},
    )
    code, pem, _ = keys("export", f"--kid={first}")
    assert code == 0 and jwt.decode(token, pem, algorithms=["RS256"])["guestId"] == "ana"
    code, out, _ = keys("export", "--format", "jwks")
    assert [key["kid"] for key in json.loads(out)["keys"]] == [second, first] and '"d"' not in out
    assert json.loads(keys("export", "--json")[1])["kid"] == second

    code, _, complaint = keys("rotate", "--overlap", "0s")
    assert code == 0 and "refused while they are still alive" in complaint
    code, out, complaint = keys("verify", token)
    assert code == 0, "its key was before the one before, whose overlap goes on"
    head, _, signature = token.rpartition(".")
    altered = f"{head}.{signature[:100]}{'A' if signature[100] != 'A' else 'B'}{signature[101:]}"
    code, out, complaint = keys("verify", altered)
    assert (code, out) == (1, "") and "wrong signature" in complaint and token[:20] not in complaint
    code, out, _ = keys("verify", altered, "--json")
    assert code == 1 and json.loads(out)["code"] == "bad_signature" and token[:20] not in out
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_no_private_key_is_ever_printed(keys, tmp_path):
    keys("rotate")
    secret = next((tmp_path / "keys").glob("*.pem")).read_text().splitlines()[2]
    for command in (
        ["list"],
        ["list", "--json"],
        ["export"],
        ["export", "--format", "jwks"],
        ["rotate"],
        ["sign", "a"],
    ):
        _, out, complaint = keys(*command)
        assert "PRIVATE" not in out + complaint and secret not in out + complaint


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (("rotate", "--overlap", "soon"), "--overlap"),
        (("export", "--format", "der"), "--format"),
        (("export", "--kid", "nobody"), "--kid"),
        (("sign", "ana", "--metadata", "[1]"), "--metadata"),
        (("sign", "ana", "--metadata", '{"exp": 4000000000}'), "metadata.exp"),
        (("sign", "ana", "--metadata", '{"a": NaN}'), "metadata"),
        (("turn",), "turn"),
    ],
)
def test_what_is_typed_wrongly_exits_with_2(keys, typed, named):
    keys("rotate")
    code, out, complaint = keys(*typed)
    assert (code, out) == (2, "") and named in complaint


def test_what_stands_wrongly_exits_with_78(keys, tmp_path):
    keys("rotate")
    code, _, complaint = keys("list", where=())
    assert code == 78 and "identity.directory: is not set; name it with -d" in complaint
    (tmp_path / "keys").chmod(0o755)
    code, _, complaint = keys("list")
    assert code == 78 and f"chmod 700 {tmp_path / 'keys'}" in complaint
    path = tmp_path / "guestd.toml"
    path.write_text('[identity]\noverlap_s = "1m"\n')
    code, _, complaint = keys("list", where=("-c", str(path)))
    assert code == 78 and "identity.overlap_s: is shorter than identity.token_life_s" in complaint
    code, _, complaint = keys("rotate", where=("-d", str(tmp_path / "none" / "keys")))
    assert code == 78 and "install -d -m 700" in complaint


def test_the_keys_stand_beside_the_journal_if_nothing_else_is_said(keys, tmp_path):
    path = tmp_path / "guestd.toml"
    path.write_text(f'[journal]\ndirectory = "{tmp_path}"\n[identity]\nkey_bits = 3072\n')
    assert keys("rotate", where=("-c", str(path)))[0] == 0
    rows = json.loads(keys("list", "--json", where=("-c", str(path)))[1])["keys"]
    assert [row["bits"] for row in rows] == [3072] and (
        tmp_path / "keys" / f"{rows[0]['kid']}.pem"
    ).exists()


@pytest.mark.parametrize("verb", ["list", "rotate", "export", "verify", "sign"])
def test_every_verb_has_an_example(keys, verb):
    code, out, _ = keys(verb, "--help", where=())
    assert code == 0 and f"guestd keys {verb}" in out and "Example" in out
