"""Bad input: one clear line, the right reply or exit status, and nothing else is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.sandbox import Sandbox, free_port, message


def the_next_message_is_accepted(sandbox: Sandbox) -> bool:
    return len(sandbox.send()) == 22


def test_a_malformed_address_is_refused_with_its_position(sandbox: Sandbox) -> None:
    with sandbox.smtp() as session:
        session.ehlo("client.example")
        session.mail("app@shop.example")
        code, text = session.docmd("RCPT", "TO:<a b@customer.example>")

    assert code == 501
    assert text.startswith(b"5.1.3 ")
    assert the_next_message_is_accepted(sandbox)


def test_a_message_of_60_mb_is_refused_and_the_session_goes_on(sandbox: Sandbox) -> None:
    with sandbox.smtp() as session:
        session.ehlo("client.example")
        assert session.docmd("MAIL", "FROM:<app@shop.example> SIZE=60000000")[0] == 552
        session.mail("app@shop.example")
        session.rcpt("bob@customer.example")
        session.docmd("DATA")
        line = b"x" * 998 + b"\r\n"
        for _ in range(60):
            session.send(line * 1000)
        session.send(b".\r\n")
        code, text = session.getreply()
        again = session.sendmail("app@shop.example", ["bob@customer.example"], message())

    assert (code, text[:6]) == (552, b"5.3.4 ")
    assert again == {}


@pytest.mark.parametrize(
    "octets",
    [
        bytes(range(256)) * 40,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\r\n" * 5000,
        b"A" * 1_000_000,
    ],
    ids=["octets", "http", "tls", "empty lines", "one long line"],
)
def test_octets_that_are_no_smtp_get_a_reply_or_the_door(sandbox: Sandbox, octets: bytes) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.smtp_port), timeout=20) as raw:
        assert raw.recv(1024).startswith(b"220 ")
        try:
            raw.sendall(octets + b"\r\n")
            raw.shutdown(socket.SHUT_WR)
            said = raw.makefile("rb").read(100_000)
        except OSError:
            said = b""  # closed on us: also an answer

    assert all(line[:1] in b"245" for line in said.splitlines())
    assert b"Traceback" not in sandbox.log.read_bytes()
    assert the_next_message_is_accepted(sandbox)


def parked(sandbox: Sandbox, key: str) -> dict[str, Any]:
    """Produce nothing; wait until the event with this key is parked, and return its row."""
    import sqlite3

    def row() -> dict[str, Any] | None:
        with sqlite3.connect(sandbox.data / "sandbox.db") as reader:
            reader.row_factory = sqlite3.Row
            found = reader.execute(
                "SELECT state, reason, detail FROM v_events WHERE id = ? AND state = 'parked'",
                (key,),
            ).fetchone()
        return dict(found) if found else None

    found: dict[str, Any] = sandbox.wait_for("parked event", row)
    return found


@pytest.mark.parametrize(
    ("event", "reason", "says"),
    [
        ({"id": "b1", "type": "no-such-template", "to": "a@b.example"}, "unrouted", "no-such"),
        ({"id": "b2", "type": "welcome", "to": "not an address"}, "recipient", "not an address"),
        ({"id": "b3", "type": "password_reset", "to": "a@b.example"}, "render", "reset_url"),
    ],
    ids=["a missing template", "a bad recipient", "a missing placeholder"],
)
def test_an_event_that_makes_no_message_is_parked_with_its_reason(
    sandbox: Sandbox, event: dict[str, str], reason: str, says: str
) -> None:
    done = sandbox.run("produce", "email-events", "-", stdin=json.dumps(event).encode())
    assert done.returncode == 0, done.stderr

    row = parked(sandbox, event["id"])

    assert row["reason"] == reason
    assert says in row["detail"]
    assert "\n" not in row["detail"]


def test_a_broken_event_is_parked_and_its_neighbour_is_mailed(sandbox: Sandbox) -> None:
    broken = sandbox.run("produce", "email-events", "-", stdin=b'{"type": "welcome", ')
    neighbour = json.dumps({"type": "welcome", "to": "neighbour@b.example", "name": "N"}).encode()
    good = sandbox.run("produce", "email-events", "-", stdin=neighbour)

    assert (broken.returncode, good.returncode) == (0, 0)
    sandbox.wait_for("neighbour", lambda: sandbox.dump("to:neighbour@b.example"))


def start(environment: dict[str, str], folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `serve` that should not come up; return its exit status and what it said last."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox_mta", "serve", *arguments],
        env={**os.environ, "SANDBOX_MTA_DATA": str(folder / "data"), **environment},
        capture_output=True,
        timeout=60,
        cwd=folder,
    )
    said = done.stderr.decode().strip().splitlines()
    return done.returncode, said[-1] if said else ""


def elsewhere(**ports: int) -> dict[str, str]:
    """Return an environment on free ports, but for those given."""
    smtp, http = ports.get("smtp", free_port()), ports.get("http", free_port())
    kafka = ports.get("kafka", free_port())
    return {
        "SANDBOX_MTA_SMTP": f"127.0.0.1:{smtp}",
        "SANDBOX_MTA_HTTP": f"127.0.0.1:{http}",
        "SANDBOX_MTA_KAFKA": f"embedded:{kafka}",
    }


@pytest.mark.parametrize(
    ("what", "setting"),
    [("smtp", "SANDBOX_MTA_SMTP"), ("http", "SANDBOX_MTA_HTTP"), ("kafka", "SANDBOX_MTA_KAFKA")],
)
def test_a_taken_port_names_the_port_the_setting_and_the_holder(
    tmp_path: Path, what: str, setting: str
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        holder.listen()
        port = holder.getsockname()[1]

        status, line = start(elsewhere(**{what: port}), tmp_path)

    assert status == 2
    assert str(port) in line
    assert setting in line
    assert str(os.getpid()) in line


def test_an_unreachable_database_is_one_line_without_the_password(tmp_path: Path) -> None:
    url = f"mysql://sandbox:hunter2@127.0.0.1:{free_port()}/sandbox"

    status, line = start({**elsewhere(), "SANDBOX_MTA_DATABASE": url}, tmp_path)

    assert status == 2
    assert "127.0.0.1" in line
    assert "hunter2" not in line


def test_a_database_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sandbox.db").write_bytes(b"this is no database, whatever its name\n" * 99)

    status, line = start(elsewhere(), tmp_path)

    assert status == 2
    assert "sandbox.db" in line


def test_a_broken_configuration_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "sandbox-mta.toml").write_text('lint = "accept"\nclock = 60x\n')

    status, line = start(elsewhere(), tmp_path)

    assert status == 2
    assert "sandbox-mta.toml:2: " in line


def test_two_sandboxes_cannot_share_a_data_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    status, line = start({**elsewhere(), "SANDBOX_MTA_DATA": str(sandbox.data)}, tmp_path)

    assert sandbox.process is not None
    assert status == 2
    assert str(sandbox.process.pid) in line


def test_a_terminated_sandbox_has_drained_and_says_done(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data") as own:
        identifier = own.send()

        assert own.terminate() == 0

        assert [mail["id"] for mail in own.dump()] == [identifier]


def test_an_interrupt_ends_it_as_well(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "data") as own:
        assert own.process is not None
        own.process.send_signal(signal.SIGINT)

        assert own.process.wait(15) == 0


def test_a_broken_zone_keeps_the_last_good_one_and_says_what_is_wrong_where(
    tmp_path: Path,
) -> None:
    zone = tmp_path / "company.test.zone"
    zone.write_text("@ MX 10 first\nfirst A 192.0.2.1\n")

    def tried_next() -> str:
        id = sandbox.send(to=["ada@company.test"])

        def exchanger() -> str | None:
            [recipient] = sandbox.dump(f"id:{id}")[0]["recipients"]
            return recipient["exchanger"] if recipient["state"] == "delivered" else None

        host: str = sandbox.wait_for("delivery", exchanger)
        return host

    environment = {"SANDBOX_MTA_ZONES": str(zone)}
    with Sandbox(tmp_path / "data", kafka=False, environment=environment) as sandbox:
        assert tried_next() == "first.company.test"

        zone.write_text("@ MX 10 second\nsecond A nonsense\n")
        sandbox.wait_for("warning", lambda: f"{zone}:2: " in sandbox.log.read_text())
        assert tried_next() == "first.company.test"

        zone.write_text("@ MX 10 second\nsecond A 192.0.2.2\n")
        sandbox.wait_for("change", lambda: "the zone files changed" in sandbox.log.read_text())
        assert tried_next() == "second.company.test"
