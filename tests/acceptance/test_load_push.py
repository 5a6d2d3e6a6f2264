"""`guestd load --push`: the figures in a gateway; a gateway that is away fails no run."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .load_harness import guestd

TALK = """
scenarios:
  Say it:
    - say: hello
    - waitForReplyContaining: hello
"""


@contextmanager
def gateway(status=200):
    """What was put there, as (path, content type, text); its address."""
    puts = []

    class Gateway(BaseHTTPRequestHandler):
        def do_PUT(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            puts.append((self.path, self.headers["Content-Type"], text))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield puts, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "talk.yml"
    path.write_text(TALK)

    def load(url):
        summary = ("--summary", tmp_path / "s.json")
        return guestd("load", path, "-u", "3", "--agent", "echo", "-q", "--push", url, *summary)

    return load


def test_the_figures_of_a_run_are_put_into_a_gateway(run):
    with gateway() as (puts, url):
        done = run(url)

    assert done.code == 0 and "push" not in done.err, done.err
    path, kind, text = puts[-1]
    assert path == "/metrics/job/guestd_load" and kind.startswith("text/plain; version=0.0.4")
    families = {one.name: one for one in text_string_to_metric_families(text)}
    sessions = {one.labels["state"]: one.value for one in families["guestd_load_sessions"].samples}
    assert sessions["opened"] == sessions["ended"] == 3
    assert families["guestd_load_sessions"].type == "counter"
    assert families["guestd_load_latency_seconds"].type == "summary"
    assert families["guestd_load_run_info"].samples[0].labels["name"] == "talk"


@pytest.mark.parametrize(("status", "why"), [(503, "answered with 503"), (None, "refused")])
def test_a_gateway_that_fails_is_told_of_and_fails_no_run(run, tmp_path, status, why):
    with gateway(status or 200) as (_, url):
        done = run(url if status else "http://127.0.0.1:9/metrics/job/x")

    assert done.code == 0, done.err
    assert "1 of 1 pushes to 127.0.0.1 failed" in done.err and why in done.err
    (warned,) = json.loads((tmp_path / "s.json").read_text())["warnings"]
    assert why in warned["what"] and warned["count"] == 1


def test_what_is_no_address_is_refused(run):
    done = run("localhost:9091")
    assert done.code == 2 and "must be a URL such as http://localhost:9091" in done.err
