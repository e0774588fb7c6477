"""What a smuggler writes (CVE-2023-51764, -51765, -51766, CVE-2024-27305), as SEC001-003 see it."""

from pathlib import Path

import pytest

from msa.envelope import Envelope, Recipient
from msa.lint import Finding, lint

GOOD = (Path(__file__).parents[3] / "corpus/SEC003/good.eml").read_bytes()
HEAD = GOOD.partition(b"\r\n\r\n")[0] + b"\r\n\r\nHello Ada"
ENVELOPE = Envelope(reverse_path="a@b.example", recipients=(Recipient("ada@example.org"),))
VERBS = (b"MAIL FROM:<admin@b.example>", b"rcpt to:<a@b.example>", b"DATA", b"RSET", b"QUIT")


def findings(tail: bytes) -> tuple[Finding, ...]:
    return lint(HEAD + tail, ENVELOPE, select=("SEC",))


def assert_an_end_of_data(mark: bytes) -> None:
    """Without a command, and with each behind it: one finding, at the first octet of the mark."""
    for verb in (b"and so on", *VERBS):
        found = findings(mark + verb + b"\r\n")

        assert [finding.code for finding in found] == ["SEC003"], verb
        assert found[0].offset == len(HEAD)
        assert ("an SMTP command after it" in found[0].text) is (verb in VERBS)


def test_lf_dot_lf_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\n.\n")


def test_lf_dot_crlf_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\n.\r\n")


def test_cr_dot_cr_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\r.\r")


def test_crlf_dot_lf_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\r\n.\n")


def test_crlf_dot_cr_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\r\n.\r")


def test_cr_dot_crlf_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\r.\r\n")


def test_lf_dot_cr_ends_the_data_for_some() -> None:
    assert_an_end_of_data(b"\n.\r")


@pytest.mark.parametrize("mark", [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\0.\n", b"\n.\0\n"])
def test_a_nul_beside_the_dot_ends_the_data_for_some(mark: bytes) -> None:
    assert_an_end_of_data(mark)


def test_a_message_inside_a_message_is_told_with_the_place_of_the_dot() -> None:
    inner = b"MAIL FROM:<admin@b.example>\r\nRCPT TO:<v@b.example>\r\nDATA\r\nSubject: x\r\n\r\nx"
    [found] = findings(b"\r\n.\n" + inner + b"\r\n")

    assert found.offset == len(HEAD)
    assert found.evidence == "\\r\\n.\\n"


def test_a_doubled_dot_that_was_undoubled_ends_nothing() -> None:
    assert findings(b"\r\n.\r\nMAIL FROM:<a@b.example>\r\n") == ()


def test_a_dot_at_the_end_of_a_sentence_ends_nothing() -> None:
    assert findings(b".\r\n.. and on\r\n.hidden\r\n") == ()


@pytest.mark.parametrize(
    ("tail", "codes"),
    [
        (b"\nMAIL FROM:<a@b.example>\r\n", ["SEC001"]),
        (b"\rMAIL FROM:<a@b.example>\r\n", ["SEC002"]),
        (b"\r\r\n.\r\r\nMAIL FROM:<a@b.example>\r\n", ["SEC002", "SEC003"]),
        (b"\n.\n and\nthere\r\n", ["SEC001", "SEC003"]),
        (b"\r.\r and\rthere\r\n", ["SEC002", "SEC003"]),
        (b"\r\n.\0\r\n and\0there\r\n", ["SEC003", "SEC006"]),
    ],
)
def test_a_wrong_octet_outside_of_a_look_alike_is_told_by_its_own_rule(
    tail: bytes, codes: list[str]
) -> None:
    assert [finding.code for finding in findings(tail)] == codes
