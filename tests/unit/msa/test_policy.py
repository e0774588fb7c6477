import pytest

from msa.lint.finding import Severity
from msa.policy import MAX_LINES, judge
from tests.dialogues.serving import finding


def test_a_message_without_errors_is_accepted() -> None:
    assert judge([]) is None
    assert judge([finding(severity=Severity.WARNING), finding(severity=Severity.INFO)]) is None


def test_every_error_has_a_line_and_warnings_have_none() -> None:
    refusal = judge(
        [
            finding("HDR005", "message-id-missing", Severity.WARNING),
            finding("SEC003", "end-of-data-look-alike", text="LF . LF", line=7),
            finding("HDR004", "from-missing", line=None),
        ]
    )

    assert refusal is not None
    assert refusal.wire() == (
        b"550-5.7.0 SEC003 end-of-data-look-alike: LF . LF (line 7)\r\n"
        b"550 5.7.0 HDR004 from-missing: there is no From field\r\n"
    )


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("HDR004", "554 5.6.0"),
        ("ADR001", "554 5.1.3"),
        ("ADR002", "554 5.1.2"),
        ("BOD011", "554 5.6.0"),
        ("LNK001", "550 5.7.0"),
        ("LST002", "550 5.7.0"),
        ("AUT003", "550 5.7.0"),
        ("AUT002", "550 5.7.20"),
        ("SEC004", "554 5.7.0"),
        ("XXX999", "554 5.6.0"),
    ],
)
def test_a_rule_is_answered_with_its_own_codes(code: str, answer: str) -> None:
    assert str(judge([finding(code)])).startswith(answer)


def test_a_refusal_is_bounded_in_lines_and_in_their_length() -> None:
    refusal = judge([finding(text="x" * 10_000)] * 1000)

    assert refusal is not None
    lines = refusal.wire().splitlines(keepends=True)
    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == b"554 5.6.0 and 990 more\r\n"
    assert max(map(len, lines)) <= 512


def test_what_a_finding_quotes_of_the_message_cannot_end_a_line() -> None:
    refusal = judge([finding(text="a\r\n250 2.0.0 Ok: queued\0\x1b[2Jé", line=None)])

    assert refusal is not None
    assert refusal.wire() == b"554 5.6.0 HDR004 from-missing: a??250 2.0.0 Ok: queued??[2J?\r\n"


def test_a_bad_address_of_the_sender_is_told_from_a_recipients() -> None:
    told = [finding("ADR001", text=f"it is empty, in the {name} field") for name in ("From", "To")]

    assert [str(judge([each]))[:9] for each in told] == ["554 5.1.7", "554 5.1.3"]
