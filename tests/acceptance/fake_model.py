"""A language model of a few lines, behind the OpenAI chat format: it says what it is told to, one
answer for each of the guest's turns."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeModel:
    """`asked`: every request's body and its Authorization header."""

    def __init__(self, answers: list[str]) -> None:
        self.asked: list[dict] = []
        self._answers = answers
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = model._answer(self.path, body, self.headers.get("Authorization"))
                data = json.dumps({"choices": [{"message": {"content": answer}}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def _answer(self, path: str, body: dict, authorization: str | None) -> str:
        assert path == "/v1/chat/completions"
        self.asked.append({"body": body, "authorization": authorization})
        turns = sum(1 for one in body["messages"] if one["role"] == "assistant")
        return self._answers[min(turns, len(self._answers) - 1)]

    def __enter__(self) -> FakeModel:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
