"""Any line that was changed, removed or put in is found, and the verdict says where (AUDIT-1)."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.audit.day_files import AuditFiles
from guestd.audit.directory import files_of
from guestd.audit.entries import unseal
from guestd.audit.settings import AuditSettings
from guestd.audit.verify import verify
from tests.thoroughness import examples

from .audit_harness import at, line, written


def change_byte(rng, data):
    files = [path for path in data if data[path]]
    path = rng.choice(files)
    k = rng.randrange(len(data[path]))
    changed = bytearray(data[path])
    changed[k] ^= 1 << rng.randrange(8)
    data[path] = bytes(changed)


def lines_in(data, path):
    return data[path].splitlines(keepends=True)


def remove_line(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    del found[rng.randrange(len(found))]
    data[path] = b"".join(found)


def repeat_line(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    found.insert(rng.randrange(len(found) + 1), rng.choice(found))
    data[path] = b"".join(found)


def put_in_line(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    k = rng.randrange(len(found))
    found.insert(k, found[k].replace(b'"action":"x"', b'"action":"y"'))
    data[path] = b"".join(found)


def swap_lines(rng, data):
    path = rng.choice(list(data))
    found = lines_in(data, path)
    k = rng.randrange(len(found) - 1)
    found[k], found[k + 1] = found[k + 1], found[k]
    data[path] = b"".join(found)


def cut_end(rng, data):
    path = max(data)
    data[path] = data[path][: -rng.randrange(1, len(data[path]) + 1)]


def remove_file(rng, data):
    del data[rng.choice(list(data))]


def forge_line(rng, data):
    """A line changed, and its own hash with it: the next one no longer fits."""
    path = rng.choice(list(data))
    found = lines_in(data, path)
    k = rng.randrange(len(found))
    body = found[k].replace(b'"status":"success"', b'"status":"failed"')[:-76] + b"}"
    found[k] = body[:-1] + b',"hash":"%s"}\n' % sha256(body).hexdigest().encode()
    assert unseal(found[k].rstrip(b"\n")) is not None
    data[path] = b"".join(found)


TAMPERINGS = [
    change_byte,
    remove_line,
    repeat_line,
    put_in_line,
    swap_lines,
    cut_end,
    remove_file,
    forge_line,
]


@settings(max_examples=examples(300))
@given(seed=st.integers(0, 2**32), tamper=st.sampled_from(TAMPERINGS))
def test_audit_1_any_changed_removed_or_inserted_line_is_found(sound, seed, tamper):
    directory, before = sound
    after = dict(before)
    tamper(Random(seed), after)
    for path in before:
        path.unlink(missing_ok=True)
    for path, data in after.items():
        path.write_bytes(data)
    assert after == before or verify(directory).problems


def test_audit_1_the_verdict_says_where(tmp_path):
    written(tmp_path, 2).close()
    first, second = files_of(tmp_path)
    second.write_bytes(second.read_bytes().replace(b'"offset":12', b'"offset":13'))
    assert verify(tmp_path).problems == [
        f"{second.name}, line 3: was changed, or is not a line of ours"
    ]
    noted = orjson.loads(first.read_bytes().splitlines()[0])["hash"]
    assert not any("no line has" in one for one in verify(tmp_path, noted).problems)
    assert f"no line has the hash {'f' * 64}" in verify(tmp_path, "f" * 64).problems
    (tmp_path / "chain.json").unlink()
    assert any("chain.json is missing" in one for one in verify(tmp_path).problems)


def test_lines_put_behind_the_end_are_left_for_the_examiner(tmp_path):
    written(tmp_path, 1).close()
    [path] = files_of(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"n":6,"forged":true}\n')
    files = AuditFiles(tmp_path, AuditSettings(), 1000)
    files.open(at(0))
    files.append([line(50, 0)], at(0))
    files.close()
    assert len(files_of(tmp_path)) == 2
    assert (
        verify(tmp_path).problems[0]
        == f"{path.name}, line 6: was changed, or is not a line of ours"
    )
