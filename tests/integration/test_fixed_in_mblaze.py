"""The fixed version of a message, read by mblaze, a mail client with a parser of its own."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from msa.envelope import Envelope, Recipient
from msa.fix import Context, apply, fix
from msa.lint import Draft

pytestmark = pytest.mark.clients

CONTEXT = Context(
    id="7N42cgS2hAhL1RRsyVxeLd",
    hostname="mail.example",
    accepted_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
)
ENVELOPE = Envelope(reverse_path="a@b.example", recipients=(Recipient("c@d.example"),))
TEXT = "Schöne Grüße, auch an José = 100 %  \r\n-- \r\nda draußen\r\n"
PDF = bytes(range(256)) * 40
HEAD = "From: a@b.example\r\nSubject: Schöne Grüße an alle, die hier lesen: 日本語\r\n"


@pytest.fixture
def mshow(tmp_path: Path) -> "Mshow":
    program = shutil.which("mshow")
    if program is None:
        pytest.skip("mblaze is not installed")
    return Mshow(program, tmp_path / "message.eml")


class Mshow:
    """Reads one message."""

    def __init__(self, program: str, path: Path) -> None:
        self._program, self._path = program, path

    def read(self, content: bytes) -> None:
        self._path.write_bytes(content)

    def ask(self, option: str, *arguments: str) -> bytes:
        command = [self._program, option, str(self._path), *arguments]
        environment = {"LC_ALL": "C.UTF-8", "HOME": str(self._path.parent)}
        return subprocess.run(
            command, env=environment, capture_output=True, check=True, timeout=20
        ).stdout


def fixed(content: bytes) -> bytes:
    octets = apply(content, fix(Draft(content, ENVELOPE), CONTEXT).edits)
    assert octets.isascii()
    return octets


def test_letters_of_subject_and_text_arrive(mshow: Mshow) -> None:
    labelled = f"{HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n{TEXT}"

    mshow.read(fixed(labelled.encode()))

    shown = mshow.ask("-n").decode()
    assert "Subject: Schöne Grüße an alle, die hier lesen: 日本語\n" in shown
    assert mshow.ask("-O", "1").replace(b"\r\n", b"\n") == TEXT.replace("\r\n", "\n").encode()


def test_each_part_of_a_multipart_arrives_octet_by_octet(mshow: Mshow) -> None:
    content = b"".join(
        (
            HEAD.encode(),
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n",
            TEXT.encode(),
            b"\r\n--b\r\nContent-Type: application/pdf\r\n\r\n",
            PDF,
            b"\r\n--b--\r\n",
        )
    )

    mshow.read(fixed(content))

    assert mshow.ask("-O", "2").replace(b"\r\n", b"\n") == TEXT.replace("\r\n", "\n").encode()
    assert mshow.ask("-O", "3") == PDF
