"""What was refused, and who came and went, is seen in SQL, over HTTP and on a page."""

import contextlib
import smtplib
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.sandbox import Sandbox, message

WITHOUT_FROM = b"Subject: refused\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("evidence") / "data"
    with Sandbox(folder, kafka=False, environment={"SANDBOX_MTA_LINT": "reject"}) as running:
        yield running


def rows(sandbox: Sandbox, query: str, *values: str) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(sandbox.data / "sandbox.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def session_of(sandbox: Sandbox, helo: str) -> dict[str, Any]:
    """Wait until the session of a client is over and recorded."""
    query = "SELECT * FROM v_sessions WHERE helo = ? AND ended_at IS NOT NULL"
    [found] = sandbox.wait_for("session", lambda: rows(sandbox, query, helo))
    return dict(found)


def test_a_refused_recipient_is_seen_while_its_session_goes_on(strict: Sandbox) -> None:
    with strict.smtp() as session:
        session.ehlo("rcpt.example")
        session.mail("app@shop.example")
        assert session.rcpt("bob@customer..example")[0] == 501

        query = "SELECT * FROM v_refusals WHERE helo = 'rcpt.example'"
        [refusal] = strict.wait_for("refusal", lambda: rows(strict, query))
        assert refusal["command"] == "rcpt TO:<bob@customer..example>"
        assert refusal["reply"].startswith("501 5.1.3 ")
        assert refusal["reverse_path"] == "app@shop.example"
        assert refusal["forward_path"] == "bob@customer..example"
        assert rows(strict, "SELECT ending FROM v_sessions WHERE helo = 'rcpt.example'") == [
            {"ending": None}
        ]

        seen = [one for one in strict.json("/api/v2/refusals") if one["helo"] == "rcpt.example"]
        assert [one["command"] for one in seen] == [refusal["command"]]

    assert session_of(strict, "rcpt.example")["ending"] == "quit"
    page = strict.get("/refused").decode()
    assert "rcpt TO:&lt;bob@customer..example&gt;" in page
    assert f'href="/refused/{refusal["session_id"]}"' in page


def test_a_refused_message_leads_to_its_session_and_back(strict: Sandbox) -> None:
    with strict.smtp() as session:
        session.ehlo("content.example")
        session.mail("app@shop.example")
        session.rcpt("bob@customer.example")
        code, text = session.data(WITHOUT_FROM)

    kept = session_of(strict, "content.example")
    [refusal] = strict.json(f"/api/v2/sessions/{kept['id']}")["refusals"]
    [mail] = strict.dump(f"id:{refusal['submission_id']}")
    assert (code, kept["refused"], kept["messages"]) == (554, 1, 0)
    assert refusal["reply"] in f"{code} {text.decode()}"
    assert [one["state"] for one in mail["recipients"]] == ["rejected"]
    [row] = rows(strict, "SELECT refused_at FROM v_messages WHERE id = ?", mail["id"])
    assert row["refused_at"]

    transcript = strict.get(f"/api/v2/messages/{mail['id']}/transcript").decode()
    assert f"C: [{len(WITHOUT_FROM)} octets]\n        S: 554 5.6.0 HDR004" in transcript
    assert f"/refused/{kept['id']}" in strict.get(f"/m/{mail['id']}/transcript").decode()
    assert f"/m/{mail['id']}" in strict.get(f"/refused/{kept['id']}").decode()
    assert "Refused in the SMTP session" in strict.get(f"/m/{mail['id']}/preview").decode()


def test_an_accepted_message_has_its_part_of_the_session(strict: Sandbox) -> None:
    with strict.smtp() as session:
        session.ehlo("two.example")
        session.login("ada", "correct horse battery")
        for number in (1, 2):
            session.sendmail(
                f"app{number}@shop.example", "bob@customer.example", message(subject="two")
            )

    second, first = strict.json("/api/v1/messages?limit=2")["messages"]
    transcripts = [
        strict.get(f"/api/v2/messages/{each['ID']}/transcript").decode() for each in (first, second)
    ]
    assert "C: ehlo two.example" in transcripts[0]
    assert "C: AUTH " in transcripts[0]
    assert "C: ehlo" not in transcripts[1]
    assert "C: mail FROM:<app2@shop.example>" in transcripts[1]
    assert transcripts[1].endswith(f"S: 250 2.0.0 Ok: queued as {second['ID']}\n")
    assert rows(strict, "SELECT id FROM v_sessions WHERE helo = 'two.example'") == []


def test_a_port_scan_and_a_client_that_breaks_off_are_seen(strict: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", strict.smtp_port), 10) as scan:
        scan.recv(1000)
    with socket.create_connection(("127.0.0.1", strict.smtp_port), 10) as session:
        session.sendall(
            b"EHLO gone.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
        )
        session.sendall(b"DATA\r\nSubject: half a mess")
        while b"354" not in session.recv(1000):
            pass

    gone = session_of(strict, "gone.example")
    scanned = session_of(strict, "")
    assert (gone["ending"], gone["messages"], gone["refused"]) == ("dropped", 0, 0)
    assert gone["transcript"].endswith("S: 354 End data with <CR><LF>.<CR><LF>\n")
    assert "half a mess" not in gone["transcript"]
    assert scanned["ending"] == "dropped"
    assert {gone["id"], scanned["id"]} <= {one["id"] for one in strict.json("/api/v2/sessions")}


def test_hostile_commands_are_shown_escaped(strict: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", strict.smtp_port), 10) as session:
        session.sendall(b"EHLO xss.example\r\n<script>alert(1)</script>\x1b[2J\xff\r\nQUIT\r\n")
        while session.recv(1000):
            pass

    kept = session_of(strict, "xss.example")
    assert r"C: <script>alert(1)</script>\x1b[2J\xff" in kept["transcript"]
    for path in ("/refused", f"/refused/{kept['id']}"):
        page = strict.get(path)
        assert b"&lt;script&gt;alert(1)" in page
        assert b"<script>alert" not in page


def test_credentials_are_nowhere_in_the_database(strict: Sandbox) -> None:
    secret = "Tr0ub4dor-and-3"
    with strict.smtp() as session:
        session.ehlo("secret.example")
        session.login("ada", secret, initial_response_ok=False)
        with contextlib.suppress(smtplib.SMTPException):
            session.docmd("AUTH", f"PLAIN {secret}")
        session.docmd(secret)

    session_of(strict, "secret.example")
    files = [path for path in strict.data.rglob("*") if path.is_file()]
    assert any(b"secret.example" in path.read_bytes() for path in files)
    for path in files:
        assert secret.encode() not in path.read_bytes()
        assert secret.upper().encode() not in path.read_bytes()


def test_deleting_everything_clears_what_was_refused(strict: Sandbox) -> None:
    assert strict.json("/api/v2/refusals")

    status, _ = strict.request("DELETE", "/api/v1/messages")

    assert status == 200
    assert strict.json("/api/v2/refusals") == []
    assert strict.json("/api/v2/sessions") == []
    assert "Nothing was refused" in strict.get("/refused").decode()
