"""A fix for the eye: whole lines, with the one before them, and never too many."""

import time
from datetime import UTC, datetime

from msa.fix import Context, fix
from msa.lint import Draft
from sandbox_mta.web.pages.diff import SHOWN_CHARACTERS, SHOWN_LINES, Change
from sandbox_mta.web.pages.diff import changes as shown

CONTEXT = Context(id="1", hostname="mail.example", accepted_at=datetime(2026, 11, 24, tzinfo=UTC))
HEAD = b"Message-ID: <a@b>\r\nMIME-Version: 1.0\r\n"


def changes(content: bytes) -> list[Change]:
    return list(shown(content, fix(Draft(content), CONTEXT).edits))


def test_a_field_that_is_replaced_stands_on_both_sides() -> None:
    [one] = changes(HEAD + b"Date: 2025-11-24T03:10:00Z\r\n\r\n")

    assert one.context == "MIME-Version: 1.0"
    assert one.taken_out == ("Date: 2025-11-24T03:10:00Z",)
    assert one.put_in == ("Date: Mon, 24 Nov 2025 03:10:00 +0000",)
    assert one.line == 3


def test_a_field_that_is_added_stands_after_its_neighbour() -> None:
    [one] = changes(HEAD + b"\r\n")

    assert (one.context, one.taken_out) == ("MIME-Version: 1.0", ())
    assert one.put_in == ("Date: Tue, 24 Nov 2026 00:00:00 +0000",)


def test_a_folded_field_that_goes_is_shown_whole() -> None:
    [one, _] = changes(b"Bcc: a@b.example,\r\n c@d.example\r\n" + HEAD + b"\r\n")

    assert one.taken_out == ("Bcc: a@b.example,", " c@d.example")
    assert one.put_in == ()


def test_of_a_long_body_only_the_beginning_is_shown() -> None:
    body = "né\r\n".encode() * 1_000

    *_, one = changes(HEAD + b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\n\r\n" + body)

    assert one.name == "Body"
    assert one.is_cut
    assert len(one.taken_out) == len(one.put_in) == SHOWN_LINES
    assert one.taken_out[0] == "né"


def test_controls_and_endless_lines_are_made_harmless() -> None:
    line = b"\x1b[31m" + b"x" * 2_000 + b"\xff\r\n"

    *_, one = changes(HEAD + b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\n\r\n" + line)

    assert "\x1b" not in "".join(one.taken_out)
    assert max(map(len, (*one.taken_out, *one.put_in))) <= 201


def test_many_changes_behind_a_long_text_cost_one_pass_over_it() -> None:
    edits = 400
    part = "--b\r\nContent-Description: é\r\n\r\nx\r\n".encode()
    content = HEAD + b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\n"
    content += b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"x\r\n" * 3_000_000
    content += part * edits + b"--b--\r\n"
    fixed = fix(Draft(content), CONTEXT)

    begun = time.process_time()
    found = list(shown(content, fixed.edits))

    assert time.process_time() - begun < 0.5  # 400 passes take over a second
    assert [one.line for one in found[-2:]] == [content.count(b"\n") - 7, content.count(b"\n") - 3]


def test_a_line_of_megabytes_costs_no_more_than_what_is_shown() -> None:
    long = b"x" * 10_000_000
    content = HEAD + b"X-Long: " + long + b"\r\nSubject: " + long + " é\r\n\r\n".encode()
    fixed = fix(Draft(content), CONTEXT)

    begun = time.process_time()
    found = list(shown(content, fixed.edits))

    assert time.process_time() - begun < 0.5
    assert max(len(one.context) for one in found) == SHOWN_CHARACTERS + 1
