"""Promise 1: no code path dials out. The kernel's own record of every connection says so.

Patching `socket.connect` would prove nothing: uvloop does not call it.
"""

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.end_to_end.sandbox import Sandbox, message

pytestmark = [pytest.mark.slow, pytest.mark.clients]

# connect(7, {sa_family=AF_INET, sin_port=htons(25), sin_addr=inet_addr("192.0.2.7")}, 16)
CONNECT = re.compile(
    r"(?:connect|sendto|sendmsg)\(.*sa_family=AF_INET6?, sin6?_port=htons\((?P<port>\d+)\)"
    r".*?\"(?P<host>[0-9a-fA-F:.]+)\""
)


class Traced(Sandbox):
    """A sandbox whose system calls to the network are written down."""

    def command(self) -> list[str]:
        trace = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-s", "0"]
        return [*trace, "-o", str(self.trace), *super().command()]

    def terminate(self, seconds: float = 15) -> int:
        """SIGTERM the traced program: strace itself would let it run on."""
        assert self.process is not None
        strace = self.process.pid
        for pid in Path(f"/proc/{strace}/task/{strace}/children").read_text().split():
            os.kill(int(pid), signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def trace(self) -> Path:
        return self.data.with_suffix(".strace")

    def destinations(self) -> set[tuple[str, int]]:
        found = CONNECT.finditer(self.trace.read_text(errors="replace"))
        return {(match["host"], int(match["port"])) for match in found}


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_whatever_is_sent_the_sandbox_connects_only_to_itself(tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.write_text("gmail.com. MX 5 mx.gmail.com.\n")  # lint looks up here, and nowhere else
    with Traced(tmp_path / "data", environment={"SANDBOX_MTA_LINT_DNS": str(zone)}) as sandbox:
        for path in (
            "ada@gmail.com",
            "ada@[198.51.100.7]",
            "ada@[IPv6:2001:db8::7]",
            "bounce@sim.test",
            "ada@servfail.sim.test",
            "ada@nullmx.sim.test",
        ):
            sandbox.send(
                message(to="x@example.org", body='<img src="http://203.0.113.9/x.png">'), to=[path]
            )
        event = b'{"to": "ada@customer.example", "name": "Ada"}'
        produced = sandbox.run("produce", "email-events", "-", "--type", "welcome", stdin=event)
        assert produced.returncode == 0, produced.stderr
        sandbox.wait_for(
            "delivery of everything, the reports included",
            lambda: (
                sandbox.json("/api/v1/messages?limit=1")["total"] >= 9
                and not any(sandbox.json("/api/v2/status")["pending"].values())
            ),
        )
        sandbox.terminate(60)

    ours = {sandbox.smtp_port, sandbox.http_port, sandbox.kafka_port}
    destinations = sandbox.destinations()
    assert destinations, "the trace recorded nothing, so it proves nothing"
    assert {
        (host, port)
        for host, port in destinations
        if host not in ("127.0.0.1", "::1") or port not in ours
    } == set()


def test_the_trace_would_show_a_connection_to_elsewhere(tmp_path: Path) -> None:
    """The negative control: the same trace sees a program that does dial out."""
    program = (
        "import socket; s = socket.socket(); s.setblocking(False); s.connect_ex(('192.0.2.1', 25))"
    )

    class Dialling(Traced):
        def command(self) -> list[str]:
            return [*super().command()[:-4], sys.executable, "-c", program]

    sandbox = Dialling(tmp_path / "data")
    sandbox.start(until_ready=False)
    assert sandbox.process is not None
    sandbox.process.wait(30)

    assert ("192.0.2.1", 25) in sandbox.destinations()
