"""Promise 2: 250 means stored, and each event makes exactly one message, whatever dies when."""

import asyncio
import json
import os
import queue
import random
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.end_to_end.databases import fresh_database
from tests.end_to_end.sandbox import Sandbox, message

MESSAGES = int(os.environ.get("KILL_TEST_MESSAGES", "2000"))
EVENTS = int(os.environ.get("KILL_TEST_EVENTS", "2000"))
KILLS = 10
SESSIONS = 8
SEED = 20261124

pytestmark = pytest.mark.slow


@pytest.fixture(
    params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)],
)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    with fresh_database(request.param) as url:
        environment = {"SANDBOX_MTA_DATABASE": url} if url else {}
        # One message a log line for thousands of messages helps nobody.
        environment["SANDBOX_MTA_LOG"] = "warning"
        with Sandbox(tmp_path / "data", environment=environment) as running:
            yield running


class Submitters:
    """Apps that submit numbered messages and send again what was not acknowledged."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(count):
            self._waiting.put(number)
        self.acknowledged: set[int] = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(SESSIONS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                number = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._submit_from(number)

    def _submit_from(self, number: int) -> None:
        """Submit over one connection until it breaks; give back what was not acknowledged."""
        try:
            with smtplib.SMTP("127.0.0.1", self._port, timeout=20) as session:
                while True:
                    session.sendmail(
                        "app@shop.example",
                        [f"m{number}@customer.example"],
                        message(subject=f"message {number}"),
                    )
                    self.acknowledged.add(number)
                    number = self._waiting.get_nowait()
        except queue.Empty:
            return
        except (OSError, smtplib.SMTPException):
            self._waiting.put(number)
            time.sleep(0.05)


async def produce(port: int, count: int) -> None:
    """Produce numbered events, one at a time in 8 lanes, each again until it is acknowledged."""
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await send(number)

    async def send(number: int) -> None:
        data = {"to": f"e{number}@customer.example", "name": f"Customer {number}"}
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(number).encode()),
            ("ce_source", b"/kill-test"),
            ("ce_type", b"welcome"),
        ]
        while True:
            try:
                await producer.send_and_wait(
                    "email-events", json.dumps(data).encode(), key=b"%d" % number, headers=headers
                )
                return
            except Exception:
                await asyncio.sleep(0.1)  # the broker is dead: the event is still ours

    producer = AIOKafkaProducer(
        bootstrap_servers=f"127.0.0.1:{port}", acks="all", request_timeout_ms=5_000
    )
    await producer.start()
    try:
        await asyncio.gather(*(lane() for _ in range(SESSIONS)))
    finally:
        await producer.stop()


def test_nothing_acknowledged_is_lost_and_no_event_is_mailed_twice(sandbox: Sandbox) -> None:
    chance = random.Random(SEED)
    submitters = Submitters(sandbox.smtp_port, MESSAGES)
    producing = threading.Thread(
        target=lambda: asyncio.run(produce(sandbox.kafka_port, EVENTS)), name="producer"
    )
    producing.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 1.5))
        sandbox.kill()
        sandbox.start(until_ready=False)
    sandbox.wait_ready()
    submitters.join()
    producing.join()

    sandbox.wait_for("quiet", lambda: is_quiet(sandbox), seconds=120)

    stored = Counter(
        recipient["forward_path"] for mail in sandbox.dump() for recipient in mail["recipients"]
    )
    assert len(submitters.acknowledged) == MESSAGES
    lost = [n for n in submitters.acknowledged if not stored[f"m{n}@customer.example"]]
    assert lost == []
    made = Counter(stored[f"e{n}@customer.example"] for n in range(EVENTS))
    assert made == {1: EVENTS}


def is_quiet(sandbox: Sandbox) -> bool:
    """Tell whether everything has arrived, is delivered and linted."""
    status = sandbox.json("/api/v2/status")
    arrived = sandbox.json("/api/v1/messages?limit=1")["total"]
    return arrived >= MESSAGES + EVENTS and not any(status["pending"].values())
