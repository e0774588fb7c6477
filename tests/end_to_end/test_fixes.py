"""What the sandbox fixes, from the SMTP session to the page, the API, the dump and SQL."""

import base64
import binascii
import email
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.sandbox import Sandbox

CONTENT = (
    "From: Ada <ada@shop.example>\r\nSubject: Grüße\r\nBcc: secret@customer.example\r\n"
    "\r\nSchön!\r\n"
).encode()
SIGNED = b"DKIM-Signature: v=1; d=shop.example; h=from:date\r\n" + CONTENT


def submit(sandbox: Sandbox, content: bytes) -> str:
    with sandbox.smtp() as session:
        session.ehlo("client.example")
        session.login("ada@shop.example", "secret")
        session.mail("app@shop.example")
        session.rcpt("bob@customer.example")
        code, text = session.data(content)
    assert code == 250
    return text.split()[-1].decode()


def fixes(sandbox: Sandbox, id: str) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        found: dict[str, Any] = sandbox.json(f"/api/v2/messages/{id}/fixes")
        return found if found["state"] != "pending" else None

    return sandbox.wait_for("the fixes", done)  # type: ignore[no-any-return]


def version(sandbox: Sandbox, id: str, wanted: str) -> bytes:
    return sandbox.get(f"/api/v2/messages/{id}/versions/{wanted}")


def by_hand(content: bytes, edits: list[dict[str, Any]]) -> bytes:
    """Apply edits as a reader of the API would."""
    for edit in reversed(edits):
        range_ = content[edit["start"] : edit["end"]]
        if edit["encoding"] is None:
            put_in = base64.b64decode(edit["octets"])
        else:
            put_in = binascii.b2a_qp(range_.rstrip(b"\r\n"), istext=False) + b"\r\n"
        content = content[: edit["start"]] + put_in + content[edit["end"] :]
    return content


def test_the_three_versions_of_a_message(sandbox: Sandbox) -> None:
    id = submit(sandbox, CONTENT)

    found = fixes(sandbox, id)

    assert found["suppressed"] == []
    assert {edit["name"] for edit in found["edits"]} == {
        *("Subject", "Bcc", "Date", "Message-ID", "MIME-Version"),
        *("Content-Transfer-Encoding", "body"),
    }
    fixed = version(sandbox, id, "fixed")
    assert version(sandbox, id, "submitted") == CONTENT
    assert fixed == by_hand(CONTENT, found["edits"])
    assert version(sandbox, id, "delivered").endswith(b"\r\n" + fixed)
    delivered = email.message_from_bytes(version(sandbox, id, "delivered"))
    assert delivered["Return-Path"] == "<app@shop.example>"
    assert "from client.example ([127.0.0.1])" in delivered["Received"]
    assert f"with ESMTPA id {id}" in delivered["Received"]
    assert delivered["Bcc"] is None
    assert delivered.get_payload(decode=True) == "Schön!\r\n".encode()


def test_the_page_shows_what_changed_and_what_could_not(sandbox: Sandbox) -> None:
    plain, signed = submit(sandbox, CONTENT), submit(sandbox, SIGNED)
    fixes(sandbox, plain)
    fixes(sandbox, signed)

    page = sandbox.get(f"/m/{plain}/fixes").decode()
    assert "<del>- Bcc: secret@customer.example</del>" in page
    assert "<ins>+ Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=</ins>" in page
    assert "RFC 6409 section 8.3" in page
    page = sandbox.get(f"/m/{signed}/fixes").decode()
    assert "the DKIM-Signature of shop.example covers the Date field" in page


def test_a_dump_has_the_version_that_is_asked_for(sandbox: Sandbox) -> None:
    id = submit(sandbox, CONTENT)
    fixes(sandbox, id)

    [delivered] = sandbox.dump(f"id:{id}", "--content", "--version", "delivered")
    [fixed] = sandbox.dump(f"id:{id}", "--content", "--version", "fixed")

    assert base64.b64decode(fixed["content"]) == version(sandbox, id, "fixed")
    assert base64.b64decode(delivered["content"]) == version(sandbox, id, "delivered")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--version", "tidied", "--content"), b"no version 'tidied'"),
        (("--version", "fixed"), b"add --content"),
    ],
)
def test_a_version_that_makes_no_sense_is_said_so(
    sandbox: Sandbox, arguments: tuple[str, ...], said: bytes
) -> None:
    done = sandbox.run("dump", *arguments)

    assert done.returncode == 2
    assert said in done.stderr


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("strict") / "data"
    settings = {"SANDBOX_MTA_LINT": "reject"}
    with Sandbox(folder, kafka=False, environment=settings) as running:
        yield running


def test_what_reject_accepts_is_fixed_as_well(strict: Sandbox) -> None:
    content = (
        b"From: a@shop.example\r\nTo: bob@customer.example\r\nSubject: x\r\n"
        b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n"
    )

    id = submit(strict, content)

    assert [edit["name"] for edit in fixes(strict, id)["edits"]] == ["Message-ID"]


def test_what_was_refused_has_no_other_version(strict: Sandbox) -> None:
    with strict.smtp() as session:
        session.ehlo("client.example")
        session.mail("app@shop.example")
        session.rcpt("bob@customer.example")
        code, _ = session.data(b"Subject: refused\r\n\r\nHello.\r\n")
    [mail] = strict.dump("subject:refused")

    status, text = strict.request("GET", f"/api/v2/messages/{mail['id']}/versions/fixed")

    assert code == 554
    assert status == 409
    assert b"it was refused" in text
    assert strict.dump("subject:refused", "--content", "--version", "fixed") == []


def test_with_fixes_off_all_versions_have_the_submitted_octets(tmp_path: Path) -> None:
    with Sandbox(tmp_path, kafka=False, environment={"SANDBOX_MTA_FIX": "off"}) as sandbox:
        id = submit(sandbox, CONTENT)

        assert fixes(sandbox, id) == {"state": "off", "edits": [], "suppressed": []}
        assert version(sandbox, id, "fixed") == CONTENT
        assert version(sandbox, id, "delivered").endswith(b"\r\n" + CONTENT)
        assert b"SANDBOX_MTA_FIX" in sandbox.get(f"/m/{id}/fixes")
