"""Transfer decoding: what is flawless base64, and where a decoded octet is written."""

import pytest

from msa.message import parse
from msa.message.decoding import encoded_offsets, is_regular_base64, octets


@pytest.mark.parametrize(
    "body", [b"QUJD\r\nQUJD\r\n", b"QUJD\r\nQUJD", b"QUJD\r\nQQ==\r\n", b"QUJDQUJD\r\nQUI="]
)
def test_lines_of_one_width_are_regular(body: bytes) -> None:
    assert is_regular_base64(body)


@pytest.mark.parametrize(
    "body",
    [
        b"QUJD\r\nQ===\r\n",  # three characters of padding hold nothing
        b"QUJD\r\nQQ==QUJD\r\n",
        b"QUJD\nQUJD\n",
        b"QUJD\r\nQU\rJD\n",
        b"QUJD\r\nQUJDQUJD\r\n",
        b"QUJD\r\nQUJ\r\n",
        b"QUJD\r\nQU!D\r\n",
        b"A" * 80 + b"\r\n",
        b"QUJD",
        b"",
    ],
)
def test_all_else_is_looked_at_closely(body: bytes) -> None:
    assert not is_regular_base64(body)


@pytest.mark.parametrize(
    ("encoding", "body", "wanted"),
    [
        ("8bit", b"one {{x}}", b"{{x}}"),
        ("quoted-printable", b"one=\r\n two=20=\r\n=20 {{x=\r\n}}", b"{{x=\r\n}}"),
        ("quoted-printable", b"=7B=7Bx}}", b"=7B=7Bx}}"),
        ("quoted-printable", b"soft=  \r\n{{x}}", b"{{x}}"),
        ("base64", b"b25l\r\nIHt7\r\neH19\r\n", b"Ht7\r\neH19\r\n"),
    ],
)
def test_a_decoded_octet_is_found_where_it_is_written(
    encoding: str, body: bytes, wanted: bytes
) -> None:
    head = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    message = parse(head + body)
    decoded = octets(message, message.root).index(b"{{")

    [offset] = encoded_offsets(message, message.root, [decoded])

    assert message.content[offset:] == wanted
