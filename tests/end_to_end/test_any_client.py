"""The main job: whatever sends the message or the event, people find it in the same places."""

import asyncio
import json
import shutil
import smtplib
import sqlite3
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.end_to_end.sandbox import Sandbox, message

Send = Callable[[Sandbox, str], None]


def with_smtplib(sandbox: Sandbox, path: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "app@shop.example", path, "From smtplib"
    mail.set_content("Hello.")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=20) as session:
        session.login("any", "body")
        session.send_message(mail)


def with_curl(sandbox: Sandbox, path: str) -> None:
    url = f"smtp://127.0.0.1:{sandbox.smtp_port}/client.example"
    run(["curl", "-sS", url, "--mail-from", "app@shop.example", "--mail-rcpt", path, "-T", "-"],
        message(to=path, subject="From curl"))  # fmt: skip


def with_swaks(sandbox: Sandbox, path: str) -> None:
    run(["swaks", "--server", "127.0.0.1", "--port", str(sandbox.smtp_port), "--to", path,
         "--from", "app@shop.example", "--helo", "client.example", "--silent", "2"])  # fmt: skip


def run(command: list[str], stdin: str = "") -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def event(path: str) -> str:
    return json.dumps({"type": "welcome", "to": path, "name": "Ada"})


def with_kcat(sandbox: Sandbox, path: str) -> None:
    broker = f"127.0.0.1:{sandbox.kafka_port}"
    run(["kcat", "-P", "-b", broker, "-t", "email-events"], event(path))


def with_aiokafka(sandbox: Sandbox, path: str) -> None:
    async def produce() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{sandbox.kafka_port}")
        await producer.start()
        try:
            await producer.send_and_wait("email-events", event(path).encode())
        finally:
            await producer.stop()

    asyncio.run(produce())


def with_produce(sandbox: Sandbox, path: str) -> None:
    data = json.dumps({"name": "Ada"}).encode()
    done = sandbox.run(
        "produce", "email-events", "-", "--type", "welcome", "--to", path, stdin=data
    )
    assert done.returncode == 0, done.stderr


def the_message_to(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """Wait until it is delivered and linted, and return it as dump shows it."""

    def settled() -> dict[str, Any] | None:
        for mail in sandbox.dump(f"to:{path}"):
            states = {recipient["state"] for recipient in mail["recipients"]}
            if states == {"delivered"} and mail["lint"] == "done":
                return mail
        return None

    found: dict[str, Any] = sandbox.wait_for(f"message to {path}", settled)
    return found


clients = pytest.mark.clients


@pytest.mark.parametrize(
    "send",
    [
        with_smtplib,
        pytest.param(with_curl, marks=clients),
        pytest.param(with_swaks, marks=clients),
        pytest.param(with_kcat, marks=clients),
        with_aiokafka,
        with_produce,
    ],
)
def test_it_is_delivered_and_seen_with_dump_in_sql_and_over_http(
    sandbox: Sandbox, send: Send
) -> None:
    path = f"{send.__name__}@customer.example"

    send(sandbox, path)

    mail = the_message_to(sandbox, path)
    [recipient] = mail["recipients"]
    assert (recipient["action"], recipient["reply"][:9]) == ("delivered", "250 2.0.0")
    listed = sandbox.json("/api/v1/messages?limit=100")["messages"]
    assert mail["id"] in {one["ID"] for one in listed}
    with sqlite3.connect(sandbox.data / "sandbox.db") as reader:
        row = reader.execute(
            "SELECT m.subject, r.state FROM v_messages m JOIN v_recipients r"
            " ON r.submission_id = m.id WHERE r.forward_path = ?",
            (path,),
        ).fetchone()
    assert row == (mail["subject"], "delivered")


@pytest.mark.parametrize("send", [with_aiokafka, with_produce])
def test_a_message_made_from_an_event_names_it_and_its_template(
    sandbox: Sandbox, send: Send
) -> None:
    path = f"event-{send.__name__}@customer.example"

    send(sandbox, path)

    made = the_message_to(sandbox, path)["event"]
    assert (made["topic"], made["type"], made["template"]) == ("email-events", "welcome", "welcome")
    assert made["version"]


def test_what_was_submitted_is_kept_octet_for_octet(sandbox: Sandbox) -> None:
    content = b"Subject: odd\r\n\r\n..dots, a bare\nline feed, \x00\xff and \xc3\xa9\r\n"

    with sandbox.smtp() as session:
        session.ehlo("client.example")
        session.mail("app@shop.example")
        session.rcpt("evidence@customer.example")
        session.docmd("DATA")
        session.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        code, text = session.getreply()

    assert code == 250
    identifier = text.decode().rpartition(" ")[2]
    assert sandbox.get(f"/api/v1/message/{identifier}/raw") == content


def test_a_bounce_is_a_message_to_the_reverse_path(sandbox: Sandbox) -> None:
    identifier = sandbox.send(
        message(to="bounce@sim.test"), to=["bounce@sim.test"], mail_from="bounces@shop.example"
    )

    def report() -> dict[str, Any] | None:
        return next(iter(sandbox.dump("to:bounces@shop.example")), None)

    dsn = sandbox.wait_for("report", report)

    assert (dsn["kind"], dsn["reverse_path"]) == ("dsn", "")
    [bounced] = [mail for mail in sandbox.dump("to:bounce@sim.test") if mail["id"] == identifier]
    assert bounced["recipients"][0]["state"] == "bounced"
    assert bounced["recipients"][0]["action"] == "failed"


def test_who_asks_for_it_hears_of_delivery_and_of_delay(sandbox: Sandbox) -> None:
    with sandbox.smtp() as session:
        session.ehlo("client.example")
        session.mail("reports@shop.example", ["RET=FULL", "ENVID=order+2B42"])
        session.rcpt("ok@sim.test", ["NOTIFY=SUCCESS", "ORCPT=rfc822;ok@sim.test"])
        session.rcpt("defer-forever@sim.test", ["NOTIFY=DELAY"])
        assert session.data(message(to="ok@sim.test").encode())[0] == 250

    def reports() -> dict[str, str]:
        found = {}
        for mail in sandbox.dump("to:reports@shop.example kind:dsn"):
            text = sandbox.get(f"/api/v1/message/{mail['id']}/raw").decode()
            found[text.partition("\r\nAction: ")[2].partition("\r\n")[0]] = text
        return found

    sandbox.wait_for("report of the delivery", lambda: "delivered" in reports())
    assert "Original-Envelope-Id: order+42\r\n" in reports()["delivered"]
    assert sandbox.run("clock", "advance", "--by", "6h").returncode == 0

    assert set(reports()) == {"delivered", "delayed"}
    assert "\r\nFinal-Recipient: rfc822; defer-forever@sim.test\r\n" in reports()["delayed"]


def test_a_deferral_waits_for_the_clock(sandbox: Sandbox) -> None:
    sandbox.send(message(to="defer-2@sim.test"), to=["defer-2@sim.test"])

    def state() -> str:
        [mail] = sandbox.dump("to:defer-2@sim.test")
        return str(mail["recipients"][0]["state"])

    sandbox.wait_for("deferral", lambda: state() == "deferred")
    done = sandbox.run("clock", "advance", "--until", "idle")

    assert done.returncode == 0, done.stderr
    assert state() == "delivered"


def test_dump_writes_eml_files_and_an_mbox(sandbox: Sandbox) -> None:
    identifier = sandbox.send(subject_message := message(subject="to a file"))
    folder = sandbox.data.parent / "eml"

    done = sandbox.run("dump", "--format", "eml", "--output", str(folder), f"id:{identifier}")
    assert done.returncode == 0, done.stderr
    mbox = sandbox.run("dump", "--format", "mbox", f"id:{identifier}")

    assert (folder / f"{identifier}.eml").read_bytes() == subject_message.encode()
    assert mbox.stdout.startswith(b"From app@shop.example ")
    assert b"Subject: to a file\n" in mbox.stdout
