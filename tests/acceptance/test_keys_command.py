"""`guestd keys` beside a running daemon, as processes: few, since each start costs a second of a
core. The rest of what may be typed is examined in tests/unit/app/test_keys_command.py."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request

import jwt
import pytest


def test_guest_2_a_running_daemon_publishes_rotations_that_came_at_once(run, config, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    place = config(f'[journal]\ndirectory = "{state}"\n[identity]\nreread_s = 0\n')
    url = run("serve", "--port", "0", "-c", place).url()

    def published():
        with urllib.request.urlopen(f"{url}/.well-known/jwks.json", timeout=60.0) as answer:
            assert answer.headers["Content-Type"].startswith("application/jwk-set+json")
            return json.loads(answer.read())

    assert published() == {"keys": []}
    rotations = [run("keys", "rotate", "--json", "-c", place) for _ in range(2)]
    assert [program.wait() for program in rotations] == [0, 0]
    output = [json.loads(program.out[0]) for program in rotations]
    first, second = sorted(output, key=lambda one: one["before"] is not None)
    assert first["before"] is None and second["before"]["kid"] == first["kid"], (
        "one after the other"
    )
    assert [key["kid"] for key in published()["keys"]] == [second["kid"], first["kid"]]
    assert all(set(key) == {"kty", "use", "alg", "kid", "n", "e"} for key in published()["keys"])

    signing = run("keys", "sign", "ana", "-c", place)
    assert signing.wait() == 0
    token = signing.out[0]
    key = jwt.PyJWKSet.from_dict(published())[second["kid"]]
    assert jwt.decode(token, key, algorithms=["RS256"])["guestId"] == "ana"


def test_guest_1_verify_reads_standard_input_and_says_no_with_exit_1(run, tmp_path):
    making = run("keys", "rotate", "-d", str(tmp_path / "keys"))
    assert making.wait() == 0
    program = run("keys", "verify", "-", "-d", str(tmp_path / "keys"), stdin=subprocess.PIPE)
    program.child.stdin.write("a.b.c\n")
    program.child.stdin.close()
    assert program.wait() == 1
    assert (program.out, program.err) == ([], ["guestd: the token is not a JSON Web Token"])


def test_a_daemon_does_not_start_over_keys_that_others_can_read(run, config, tmp_path):
    (tmp_path / "keys").mkdir(mode=0o755)
    program = run(
        "serve", "--port", "0", "-c", config(f'[identity]\ndirectory = "{tmp_path / "keys"}"\n')
    )
    assert program.wait() == 78
    assert "chmod 700" in "\n".join(program.err)


def test_sess_7_a_guest_who_brings_no_token_gets_one_signed_with_the_key_beside_the_journal(
    run, config, tmp_path
):
    state = tmp_path / "state"
    state.mkdir()
    place = config(f'[journal]\ndirectory = "{state}"\n')
    assert run("keys", "rotate", "-c", place).wait() == 0
    url = run("serve", "--port", "0", "-c", place).url()

    def asked(path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60.0) as answer:
            return json.loads(answer.read())

    emulator = asked(f"{url}/healthz")["emulator"]
    queue_id = asked(f"{emulator}/__emulator/queues")["entities"][0]["id"]
    asked(f"{emulator}/__emulator/guest-keys", asked(f"{url}/.well-known/jwks.json"))
    guest = asked(f"{url}/v1/guests?wait=20", {"guestId": "ana", "queueId": queue_id})
    assert guest["status"] == "succeeded", guest
    with pytest.raises(
        urllib.error.HTTPError, match=r"422|502"
    ):  # the platform does look at the signature
        asked(
            f"{url}/v1/guests?wait=20",
            {"guestId": "bo", "queueId": queue_id, "guestToken": "not.signed.here"},
        )
