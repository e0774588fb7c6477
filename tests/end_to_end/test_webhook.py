"""A webhook and a topic hear what becomes of a message, though all die in between."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

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


async def test_a_topic_on_the_embedded_broker_is_told(tmp_path: Path) -> None:
    environment = {"SANDBOX_MTA_STATUS_TOPIC": "mail-status"}
    with Sandbox(tmp_path / "data", environment=environment) as sandbox:
        id = await asyncio.to_thread(sandbox.send, to=["bounce@sim.test"])
        consumer = AIOKafkaConsumer(
            "mail-status",
            bootstrap_servers=f"127.0.0.1:{sandbox.kafka_port}",
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            async with asyncio.timeout(20):
                records = [await consumer.getone() for _ in range(3)]
        finally:
            await consumer.stop()
        assert sandbox.terminate() == 0

    assert {record.key.decode() for record in records} == {id}
    types = [dict(record.headers)["ce_type"].decode() for record in records]
    assert types == [
        "test.sandbox.message.received.v1",
        "test.sandbox.recipient.bounced.v1",
        "test.sandbox.dsn.sent.v1",
    ]
