"""The PROXY protocol, versions 1 and 2: whom a proxy speaks for (HAProxy's proxy-protocol.txt)."""

import ipaddress
import struct

MAX_LINE = 107  # octets of a version 1 header with CR LF
MAX_HEADER = 4_096  # octets of a version 2 header; its extensions are skipped
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = struct.Struct("!12sBBH")
_ADDRESSES = {0x11: 4, 0x21: 16}  # TCP over IPv4 and over IPv6: octets of an address


class NoHeader(Exception):
    """The connection doesn't begin with a PROXY header."""


def take_header(buffer: bytearray) -> str | None:
    """Remove the header from the front of a buffer and return the client's IP address.

    Returns "" when the proxy speaks for itself (a health check, LOCAL or UNKNOWN), and None while
    the header isn't whole. Raises `NoHeader`.
    """
    known = min(len(buffer), len(_SIGNATURE))
    if buffer[:known] == _SIGNATURE[:known]:
        return _take_binary(buffer)
    if buffer[:known] == b"PROXY "[:known] or buffer.startswith(b"PROXY "):
        return _take_line(buffer)
    raise NoHeader


def _take_line(buffer: bytearray) -> str | None:
    end = buffer.find(b"\r\n", 0, MAX_LINE)
    if end < 0:
        if len(buffer) >= MAX_LINE:
            raise NoHeader
        return None
    words = bytes(buffer[:end]).decode("ascii", "replace").split(" ")
    del buffer[: end + 2]
    if words[1] == "UNKNOWN":
        return ""
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise NoHeader
    try:
        address = ipaddress.ip_address(words[2])
    except ValueError:
        raise NoHeader from None
    # A zone may hold anything, and means nothing on another machine.
    if address.version != int(words[1][-1]) or getattr(address, "scope_id", None):
        raise NoHeader
    return str(address)


def _take_binary(buffer: bytearray) -> str | None:
    if len(buffer) < _HEAD.size:
        return None
    _, version_command, family, length = _HEAD.unpack_from(buffer)
    if version_command not in (0x20, 0x21) or _HEAD.size + length > MAX_HEADER:
        raise NoHeader
    if len(buffer) < _HEAD.size + length:
        return None
    body = bytes(buffer[_HEAD.size : _HEAD.size + length])
    del buffer[: _HEAD.size + length]
    size = _ADDRESSES.get(family)
    if version_command == 0x20 or size is None:
        return ""
    if len(body) < 2 * size + 4:
        raise NoHeader
    return str(ipaddress.ip_address(body[:size]))
