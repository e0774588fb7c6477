"""Starting, dying and ending: what is left behind, and how it says so."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.sandbox import Sandbox


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_sandbox_leaves_no_process_and_no_port_behind(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data") as sandbox:
        sandbox.send()
        assert sandbox.process is not None
        pid = sandbox.process.pid
        workers = sandbox.wait_for("lint worker", lambda: children(pid))

        sandbox.kill()

        sandbox.wait_for("end of its children", lambda: not any(map(is_alive, workers)))
        sandbox.start()  # on the same ports
        assert len(sandbox.dump()) == 1


def test_a_killed_lint_worker_is_replaced(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data", kafka=False) as sandbox:
        assert sandbox.process is not None
        pid = sandbox.process.pid
        [worker] = sandbox.wait_for("lint worker", lambda: children(pid))
        subprocess.run(["kill", "-9", str(worker)], check=True)

        identifier = sandbox.send()

        sandbox.wait_for(
            "lint", lambda: [m for m in sandbox.dump(f"id:{identifier}") if m["lint"] == "done"]
        )


def test_what_was_not_linted_when_it_died_is_linted_after_the_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data", kafka=False) as sandbox:
        for _ in range(20):
            sandbox.send()
        sandbox.kill()
        sandbox.start()

        sandbox.wait_for(
            "lint of all", lambda: not sandbox.json("/api/v2/status")["pending"]["lint"]
        )
        assert {mail["lint"] for mail in sandbox.dump()} == {"done"}


def test_smtp_answers_while_the_rest_is_still_imported(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data", kafka=False, until_ready=False) as sandbox:
        greeted = sandbox.wait_for("greeting", lambda: _greeting(sandbox))
        identifier = sandbox.send()

        assert greeted.startswith(b"220 ")
        sandbox.wait_ready()
        assert [mail["id"] for mail in sandbox.dump()] == [identifier]


def _greeting(sandbox: Sandbox) -> bytes:
    try:
        with sandbox.smtp() as session:
            return b"220 " + (session.ehlo("client.example")[1] or b"")
    except OSError:
        return b""


def test_a_bridge_without_an_msa_in_its_process_asks_for_one(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data") as sandbox:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox_mta", "serve", "--stages", "bridge"],
            env={
                **sandbox.environment,
                "SANDBOX_MTA_DATA": str(tmp_path / "other"),
                "SANDBOX_MTA_KAFKA": f"127.0.0.1:{sandbox.kafka_port}",
            },
            capture_output=True,
            timeout=30,
        )

    assert done.returncode == 2
    assert b"name one with --submit" in done.stderr.splitlines()[-1]


def test_a_bridge_of_its_own_submits_to_the_msa_of_another_process(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data") as sandbox:
        bridge = Sandbox(
            tmp_path / "bridge",
            environment={
                "SANDBOX_MTA_STAGES": "bridge,web",
                "SANDBOX_MTA_KAFKA": f"127.0.0.1:{sandbox.kafka_port}",
                "SANDBOX_MTA_TOPICS": "other-events",
                "SANDBOX_MTA_SUBMIT": f"127.0.0.1:{sandbox.smtp_port}",
            },
        )
        with bridge:
            event = b'{"type": "welcome", "to": "far@customer.example", "name": "Ada"}'
            done = sandbox.run("produce", "other-events", "-", stdin=event)
            assert done.returncode == 0, done.stderr

            sandbox.wait_for("message", lambda: sandbox.dump("to:far@customer.example"))


@pytest.mark.parametrize("number", [2, 15])
def test_it_ends_within_ten_seconds_with_a_client_that_hangs(tmp_path: Path, number: int) -> None:
    with Sandbox(tmp_path / "data") as sandbox, sandbox.smtp() as session:
        session.ehlo("client.example")
        session.mail("app@shop.example")
        session.rcpt("bob@customer.example")
        session.docmd("DATA")  # and never ends
        assert sandbox.process is not None
        started = time.monotonic()

        sandbox.process.send_signal(number)
        status = sandbox.process.wait(12)

        assert status == 0
        assert time.monotonic() - started < 10.5
        session.close()
