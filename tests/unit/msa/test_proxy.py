"""The PROXY protocol: whom a proxy speaks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa.proxy import MAX_HEADER, MAX_LINE, NoHeader, take_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 127, 0, 0, 1]) + b"\x12\x34\x00\x19"
V6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07" + bytes(15) + b"\x01" + b"\x12\x34\x00\x19"


def binary(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2) + body


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (b"PROXY TCP4 192.0.2.7 127.0.0.1 56324 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 56324 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
        (binary(0x21, 0x11, V4), "192.0.2.7"),
        (binary(0x21, 0x21, V6), "2001:db8::7"),
        (binary(0x21, 0x11, V4 + b"\x04\x00\x01x"), "192.0.2.7"),  # an extension
        (binary(0x20, 0x00, b""), ""),
        (binary(0x21, 0x31, b"x" * 216), ""),  # a Unix socket
    ],
)
def test_a_header_is_taken_and_names_the_client(header: bytes, address: str) -> None:
    buffer = bytearray()
    for octet in header[:-1]:
        buffer.append(octet)
        assert take_header(buffer) is None
    buffer += header[-1:] + b"EHLO x\r\n"

    assert take_header(buffer) == address
    assert buffer == b"EHLO x\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO x\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
        b"PROXY TCP4 localhost 127.0.0.1 1 2\r\n",
        b"PROXY TCP6 fe80::1%\x1b[31m ::1 1 2\r\n",
        b"PROXY " + b"x" * MAX_LINE,
        binary(0x31, 0x11, V4),
        binary(0x21, 0x11, V4[:8]),
        binary(0x21, 0x11, V4 + bytes(MAX_HEADER)),
    ],
)
def test_anything_else_is_no_header(octets: bytes) -> None:
    with pytest.raises(NoHeader):
        take_header(bytearray(octets))


@given(st.binary(max_size=40), st.sampled_from([b"", SIGNATURE, b"PROXY ", b"PROXY TCP4 "]))
def test_no_octets_make_it_fail_otherwise(octets: bytes, start: bytes) -> None:
    buffer = bytearray(start + octets)
    try:
        address = take_header(buffer)
    except NoHeader:
        return
    assert address is None or len(buffer) < len(start + octets)
