"""Lint in session: what `reject` refuses, what it says, and that what was refused is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.sandbox import Sandbox, message

WITHOUT_FROM = b"Subject: no author\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("strict") / "data"
    with Sandbox(folder, kafka=False, environment={"SANDBOX_MTA_LINT": "reject"}) as running:
        yield running


def submit(sandbox: Sandbox, content: bytes) -> tuple[int, bytes]:
    with sandbox.smtp() as session:
        session.ehlo("client.example")
        session.mail("app@shop.example")
        session.rcpt("bob@customer.example")
        return session.data(content)


def test_an_error_is_refused_with_its_code_and_name(strict: Sandbox) -> None:
    code, text = submit(strict, WITHOUT_FROM)

    assert code // 100 == 5
    assert b"HDR004" in text
    assert b"from-missing" in text


def test_a_refused_message_is_kept_and_seen_as_rejected(strict: Sandbox) -> None:
    submit(strict, WITHOUT_FROM.replace(b"no author", b"kept"))

    [mail] = strict.dump("subject:kept")

    assert mail["accepted_at"] is None
    assert [recipient["state"] for recipient in mail["recipients"]] == ["rejected"]
    assert "HDR004" in {finding["code"] for finding in mail["findings"]}
    assert strict.json("/api/v1/messages")["messages"] == []


def test_a_message_without_an_error_is_accepted_and_linted_already(strict: Sandbox) -> None:
    code, _ = submit(strict, message(subject="clean").encode())

    [mail] = strict.dump("subject:clean")
    assert code == 250
    assert mail["lint"] == "done"


def test_accept_reports_the_same_and_refuses_nothing(sandbox: Sandbox) -> None:
    code, _ = submit(sandbox, WITHOUT_FROM)

    def linted() -> set[str]:
        return {f["code"] for mail in sandbox.dump("subject:author") for f in mail["findings"]}

    assert code == 250
    assert "HDR004" in sandbox.wait_for("lint", linted)


def test_a_provider_is_mimicked_and_what_it_takes_is_accepted(tmp_path: Path) -> None:
    lint = {"SANDBOX_MTA_LINT": "mimic=gmail"}
    with Sandbox(tmp_path / "data", kafka=False, environment=lint) as sandbox:
        code, text = submit(sandbox, WITHOUT_FROM)
        taken, _ = submit(sandbox, message(subject="{{ unfilled }}").encode())

    assert code == 550
    assert text.startswith(
        b"5.7.1 [127.0.0.1] Messages missing a valid address in the From: header"
    )
    assert text.endswith(b" - gsmtp")
    assert taken == 250
