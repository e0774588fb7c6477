"""A webhook hears what becomes of a message, though it and the sandbox die in between."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.sandbox import Sandbox, free_port

pytestmark = pytest.mark.slow


class App:
    """An app's webhook on a port of its own."""

    def __init__(self, port: int) -> None:
        self.heard: list[dict[str, Any]] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> "App":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def types(self) -> list[str]:
        return [each["type"].removeprefix("test.sandbox.") for each in self.heard]


def test_a_bounce_is_told_and_what_was_owed_when_all_died_comes_after(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    environment = {"SANDBOX_MTA_WEBHOOK_URL": url}
    with Sandbox(tmp_path / "data", kafka=False, environment=environment) as sandbox:
        with App(port) as app:
            sandbox.send(to=["bounce@sim.test"])
            sandbox.wait_for("three events", lambda: len(app.heard) == 3)
        assert app.types() == ["message.received.v1", "recipient.bounced.v1", "dsn.sent.v1"]
        assert app.heard[1]["data"]["reply"]["enhanced"] == "5.1.1"

        sandbox.send(to=["ada@customer.example"])
        idle = {"deliveries": 0, "lint": 0, "events": 0}
        sandbox.wait_for("end", lambda: sandbox.json("/api/v2/status")["pending"] == idle)
        sandbox.kill()
        sandbox.start()
        with App(port) as app:
            sandbox.wait_for("both events", lambda: len(app.heard) == 2)
        assert app.types() == ["message.received.v1", "recipient.delivered.v1"]
