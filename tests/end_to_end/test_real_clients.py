"""Real mail software submits to the sandbox: what it sends is what is kept, and it is content."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.mail_servers import Exim, Postfix
from tests.end_to_end.sandbox import Sandbox, message

clients = pytest.mark.clients


def the_one_to(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """Wait for the message to a forward-path, delivered."""

    def settled() -> dict[str, Any] | None:
        found = sandbox.dump(f"to:{path}")
        states = {one["state"] for mail in found for one in mail["recipients"]}
        return found[0] if len(found) == 1 and states == {"delivered"} else None

    mail: dict[str, Any] = sandbox.wait_for(f"message to {path}", settled)
    return mail


def asked_for(sandbox: Sandbox, path: str) -> tuple[str | None, ...]:
    """Return RET, ENVID, NOTIFY and ORCPT as the sandbox heard them."""
    with closing(sqlite3.connect(sandbox.data / "sandbox.db")) as reader:
        found = reader.execute(
            "SELECT m.ret, m.envid, r.notify, r.orcpt FROM recipients r"
            " JOIN submissions m ON m.number = r.number >> 10 WHERE r.forward_path = ?",
            (path,),
        ).fetchone()
    return tuple(found)


def as_submitted(sandbox: Sandbox, mail: dict[str, Any]) -> bytes:
    return sandbox.get(f"/api/v1/message/{mail['id']}/raw")


@pytest.fixture(scope="module")
def postfix(packages: Path, sandbox: Sandbox) -> Iterator[Postfix]:
    with Postfix(packages / "postfix", packages.parent / "instance", sandbox.smtp_port) as running:
        yield running


def test_postfix_pipelines_a_message_to_several_recipients(
    sandbox: Sandbox, postfix: Postfix
) -> None:
    to = ["postfix-one@customer.example", "postfix-two@customer.example"]

    postfix.send(message(to=", ".join(to)), mail_from="app@shop.example", to=to)

    log = postfix.wait_for("to=<postfix-two@customer.example>, relay=127.0.0.1")
    mail = the_one_to(sandbox, to[0])
    assert [one["forward_path"] for one in mail["recipients"]] == to
    assert f"status=sent (250 2.0.0 Ok: queued as {mail['id']})" in log
    assert "Using ESMTP PIPELINING" in log


def test_postfix_hands_on_what_the_sender_wants_to_hear(sandbox: Sandbox, postfix: Postfix) -> None:
    path = "postfix-dsn@customer.example"

    postfix.send(
        message(to=path), "-N", "success,delay", "-V", "order+42",
        mail_from="app@shop.example", to=[path],
    )  # fmt: skip

    the_one_to(sandbox, path)
    asked = (None, "order+2B42", "SUCCESS,DELAY", f"rfc822;{path}")
    assert asked_for(sandbox, path) == asked
    # 250-DSN makes it the sandbox's to report: Postfix itself reports no relaying.
    assert "sender non-delivery" not in postfix.log.read_text()


def test_postfix_submits_an_internationalised_address(sandbox: Sandbox, postfix: Postfix) -> None:
    path = "grüße@customer.example"

    postfix.send(message(to=path), "-O", "smtputf8=yes", mail_from="app@shop.example", to=[path])

    mail = the_one_to(sandbox, path)
    assert mail["recipients"][0]["forward_path"] == path
    assert f"To: {path}".encode() in as_submitted(sandbox, mail)


def test_postfix_bounces_what_the_sandbox_refuses(sandbox: Sandbox, postfix: Postfix) -> None:
    long = "x" * 65 + "@customer.example"

    postfix.send(message(), mail_from="app@shop.example", to=[long])

    assert "dsn=5.1.3, status=bounced" in postfix.wait_for("status=bounced")


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
def test_exim_submits_with_and_without_chunking(
    sandbox: Sandbox, packages: Path, chunking: bool
) -> None:
    path = f"exim-{chunking}@customer.example".lower()
    exim = Exim(
        packages / "exim",
        packages.parent / path.partition("@")[0],
        sandbox.smtp_port,
        chunking=chunking,
    )
    body = "A line.\r\n.\r\n..two dots\r\n" + "x" * 70 + "\r\n"

    said = exim.send(message(to=path, body=body), mail_from="app@shop.example", to=path)

    mail = the_one_to(sandbox, path)
    assert as_submitted(sandbox, mail).endswith(body.encode())
    assert ("BDAT" in said) is chunking


def test_exim_asks_for_reports_in_the_words_of_the_sender(sandbox: Sandbox, packages: Path) -> None:
    path = "exim-dsn@customer.example"
    exim = Exim(
        packages / "exim",
        packages.parent / path.partition("@")[0],
        sandbox.smtp_port,
        chunking=True,
    )

    said = exim.relay(
        "EHLO app.example", "MAIL FROM:<exim@shop.example> RET=HDRS ENVID=exim+2B7",
        f"RCPT TO:<{path}> NOTIFY=SUCCESS ORCPT=rfc822;{path}", "DATA",
        *message(to=path).splitlines(), ".", "QUIT",
    )  # fmt: skip

    assert "NOTIFY=SUCCESS" in said
    the_one_to(sandbox, path)
    assert asked_for(sandbox, path) == ("HDRS", "exim+2B7", "SUCCESS", f"rfc822;{path}")


def run_with(command: list[str], stdin: str) -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def with_msmtp(sandbox: Sandbox, path: str, content: str) -> None:
    run_with(
        ["msmtp", "--host=127.0.0.1", f"--port={sandbox.smtp_port}", "--from=app@shop.example",
         "--auth=plain", "--user=any", "--passwordeval=echo body", "--tls=off",
         "--dsn-notify=never", path],
        content,
    )  # fmt: skip


def with_swaks(sandbox: Sandbox, path: str, content: str) -> None:
    run_with(
        ["swaks", "--server", "127.0.0.1", "--port", str(sandbox.smtp_port), "--to", path,
         "--from", "app@shop.example", "--auth", "CRAM-MD5", "--auth-user", "any",
         "--auth-password", "body", "--pipeline", "--data", content, "--silent", "2"],
        "",
    )  # fmt: skip


def with_curl(sandbox: Sandbox, path: str, content: str) -> None:
    run_with(
        ["curl", "-sS", f"smtp://127.0.0.1:{sandbox.smtp_port}/client.example", "--mail-from",
         "app@shop.example", "--mail-rcpt", path, "--user", "any:body", "-T", "-"],
        content,
    )  # fmt: skip


@clients
@pytest.mark.parametrize("send", [with_msmtp, with_swaks, with_curl])
def test_what_a_client_submits_is_kept_octet_for_octet(
    sandbox: Sandbox, send: Callable[[Sandbox, str, str], None]
) -> None:
    path = f"{send.__name__}@customer.example"
    content = message(to=path, body="Hello, Bob.\r\n.a dot\r\n")

    send(sandbox, path, content)

    assert as_submitted(sandbox, the_one_to(sandbox, path)).rstrip() == content.encode().rstrip()
