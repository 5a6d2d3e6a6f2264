"""A disk that hangs: every fdatasync of the journal blocks while a file exists. It is noticed,
told, and cannot keep the process.

A small library stands before the C library's sync calls; everything else is real.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from guestd.app.signals import SAME_REQUEST_S

from .test_platform_away import status_of, until
from .test_programs import converse

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static void wait_while_hung(void) {
  const char *name = getenv("HANG_WHILE");
  struct timespec pause = {0, 20000000};
  while (name && access(name, F_OK) == 0) nanosleep(&pause, NULL);
}
int fsync(int fd) { wait_while_hung(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { wait_while_hung(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    folder = tmp_path_factory.mktemp("hang")
    source, library = folder / "hang.c", folder / "hang.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def daemon(run, config, shim, tmp_path):
    """A daemon with a guest session, whose disk hangs as long as `daemon.hang` exists."""
    hang = tmp_path / "hang"
    (tmp_path / "journal").mkdir()
    path = config(f'[journal]\ndirectory = "{tmp_path / "journal"}"\n[drain]\ngrace_s = 1.0\n')
    program = run(
        "serve", "-c", path, "--port", "0", env={"LD_PRELOAD": str(shim), "HANG_WHILE": str(hang)}
    )
    program.hang = hang
    program.base = program.url()
    converse(program.base)
    yield program
    hang.unlink(missing_ok=True)


def begin_to_wait(program) -> None:
    """Something that is to become durable, and does not."""
    program.hang.touch()
    with socket.create_connection(("127.0.0.1", int(program.base.rpartition(":")[2]))) as peer:
        peer.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        )
        peer.sendall(b'Content-Length: 14\r\n\r\n{"name":"bob"}')
        time.sleep(0.2)


def metric(base: str, name: str) -> float:
    with urllib.request.urlopen(f"{base}/metrics", timeout=60.0) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    raise AssertionError(f"no {name}")


def test_it_is_noticed_and_told_and_goes_on_when_the_disk_answers(daemon):
    assert status_of(f"{daemon.base}/readyz")[0] == 200
    begin_to_wait(daemon)
    until(lambda: metric(daemon.base, "guestd_journal_oldest_wait_seconds") > 0.1)
    until(lambda: status_of(f"{daemon.base}/readyz")[0] == 503)
    assert status_of(f"{daemon.base}/readyz")[1]["reason"] == "journal_stalled"
    daemon.until("the journal's disk does not answer", daemon.err)
    daemon.hang.unlink()
    until(lambda: status_of(f"{daemon.base}/readyz")[0] == 200)
    assert metric(daemon.base, "guestd_journal_oldest_wait_seconds") < 1.0
    daemon.until("the journal's disk answers again", daemon.err)


def test_sigterm_ends_it_with_74(daemon):
    begin_to_wait(daemon)
    daemon.interrupt(signal.SIGTERM)
    code = daemon.wait(40.0)
    assert code == 74, daemon.err
    assert any("did not stop in time" in line for line in daemon.err)


def test_a_second_signal_ends_it_at_once(daemon):
    begin_to_wait(daemon)
    daemon.interrupt(signal.SIGTERM)
    time.sleep(SAME_REQUEST_S + 0.1)
    daemon.interrupt(signal.SIGTERM)
    assert daemon.wait(10.0) == 130
