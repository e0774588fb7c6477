"""A sandbox as its users have it: a process of its own, spoken to over SMTP, HTTP and Kafka."""

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

START_S = 30.0
# Above 32768 a client that retries can connect to itself on loopback.
_PORTS = iter(range(12_000 + os.getpid() % 7 * 2_000, 32_000))


def free_port() -> int:
    """Return a port nobody listens on, below the ephemeral ones."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class Sandbox:
    """One `sandbox-mta serve` that can be killed and started again with the same ports and data."""

    def __init__(
        self,
        data: Path,
        *,
        kafka: bool = True,
        environment: Mapping[str, str] | None = None,
        until_ready: bool = True,
    ) -> None:
        self.data, self._until_ready = data, until_ready
        self.smtp_port, self.http_port, self.kafka_port = free_port(), free_port(), free_port()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SANDBOX_MTA_")},
            "SANDBOX_MTA_SMTP": f"127.0.0.1:{self.smtp_port}",
            "SANDBOX_MTA_HTTP": f"127.0.0.1:{self.http_port}",
            "SANDBOX_MTA_KAFKA": f"embedded:{self.kafka_port}" if kafka else "off",
            "SANDBOX_MTA_DATA": str(data),
            "NO_COLOR": "1",
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data.with_suffix(".log")

    def __enter__(self) -> "Sandbox":
        self.start(until_ready=self._until_ready)
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.terminate(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "sandbox_mta", "serve"]

    def start(self, *, until_ready: bool = True) -> None:
        """Start it, and wait for `/readyz`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data.parent,
            )
        if until_ready:
            self.wait_ready()

    def wait_ready(self, seconds: float = START_S) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the sandbox ended: {self.log.read_text()[-3000:]}")
            try:
                self.get("/readyz")
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"not ready after {seconds} s: {self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """kill -9 the parent alone, so that what it leaves behind shows."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, seconds: float = 15) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(seconds)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run another command of `sandbox-mta` against the same data and ports."""
        return subprocess.run(
            [sys.executable, "-m", "sandbox_mta", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            check=False,
            cwd=self.data.parent,
            timeout=60,
        )

    def dump(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what `sandbox-mta dump` prints, a dict a message."""
        done = self.run("dump", *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", data=body, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path: str) -> bytes:
        """GET a path; raises OSError when the answer is not 200."""
        status, body = self.request("GET", path)
        if status != 200:
            raise OSError(f"{path}: {status}")
        return body

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20)

    def send(
        self,
        content: str | bytes | None = None,
        *,
        to: Sequence[str] = ("bob@customer.example",),
        mail_from: str = "app@shop.example",
    ) -> str:
        """Submit one message and return the id in the reply."""
        content = content or message(to=", ".join(to))
        octets = content.encode() if isinstance(content, str) else content
        with self.smtp() as session:
            session.ehlo("client.example")
            assert session.mail(mail_from)[0] == 250
            for path in to:
                assert session.rcpt(path)[0] == 250
            code, text = session.data(octets)
        assert code == 250, text
        return text.decode().rpartition(" ")[2]

    def wait_for(self, what: str, condition: Any, seconds: float = 20.0) -> Any:
        """Poll until `condition()` is true and return its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"after {seconds} s: no {what}; {self.log.read_text()[-3000:]}")


def message(
    *, to: str = "bob@customer.example", subject: str = "Hello", body: str = "Hello, Bob.\r\n"
) -> str:
    """Return a message that lint has nothing to say about."""
    return (
        f"From: App <app@shop.example>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{time.time_ns()}@shop.example>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    )
