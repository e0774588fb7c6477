"""Reading files: one message, or a mailbox a message at a time."""

import io

from hypothesis import given
from hypothesis import strategies as st

from sandbox_mta.linting.messages import FileMessage, TooLarge, read_messages

MBOX = b"From a\nTo: b\n\n>From c\n>>From d\n\nFrom e\nx\nFrom f\n\nFrom g\n\nz"


def read(octets: bytes, limit: int = 1_000) -> list[FileMessage]:
    messages = list(read_messages(io.BytesIO(octets), limit))
    assert all(isinstance(each, FileMessage) for each in messages)
    return messages  # type: ignore[return-value]  # just asserted


def test_a_file_is_one_message_octet_by_octet() -> None:
    [message] = read(b"Subject: x\r\n\r\nFrom y\r\n>From z\r\n")

    assert message.content == b"Subject: x\r\n\r\nFrom y\r\n>From z\r\n"
    assert (message.start, message.first_line) == (0, 1)


def test_a_mailbox_is_split_at_from_lines_after_blank_ones() -> None:
    assert [each.content for each in read(MBOX)] == [
        b"To: b\n\nFrom c\n>From d\n",
        b"x\nFrom f\n",
        b"\nz",
    ]


def test_places_in_a_mailbox_count_from_the_start_of_the_file() -> None:
    first, second, _ = read(MBOX)

    at = first.content.index(b"c\n")
    assert MBOX[first.offset(at)] == ord("c")
    assert first.column(at, 6) == 7
    at = first.content.index(b"d\n")
    assert MBOX[first.offset(at)] == ord("d")
    assert first.line_before(first.offset(at)) == b">From "
    assert MBOX[second.start :].startswith(b"x\n")
    assert (first.first_line, second.first_line) == (2, 8)


def test_a_message_over_the_limit_is_passed_over_and_the_next_is_read() -> None:
    first, second = read_messages(io.BytesIO(b"From a\n" + b"x" * 50 + b"\n\nFrom b\ny\n"), 20)

    assert first == TooLarge(1)
    assert isinstance(second, FileMessage)
    assert second.content == b"y\n"
    assert list(read_messages(io.BytesIO(b"x" * 21), 20)) == [TooLarge(1)]


def test_an_empty_file_is_an_empty_message() -> None:
    assert [each.content for each in read(b"")] == [b""]
    assert [each.content for each in read(b"From a")] == [b""]


@given(st.lists(st.sampled_from([b"From ", b">From ", b">", b"\n", b"\r\n", b"x"]), max_size=30))
def test_every_octet_of_a_message_is_found_in_its_file(pieces: list[bytes]) -> None:
    file = b"From \n" + b"".join(pieces)

    for message in read(file):
        for offset, octet in enumerate(message.content):
            assert file[message.offset(offset)] == octet
