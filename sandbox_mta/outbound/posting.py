"""Posts to one web server that the operator named, and reads no more than its status.

The URL comes from a setting and never from a message, and no redirect is followed, so nobody
else chooses where we connect. Still a name must lead to the public internet: a private address
is reached when the URL itself says so (`http://127.0.0.1:3000/`, `http://localhost:3000/`), or
when a second setting allows it.
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from sandbox_mta.outbound.address import is_allowed

TIMEOUT_S = 10.0  # for all of it
MAX_LINE = 8192  # octets of a status line
MAX_ANSWER = 65536  # octets that are read, so that the server is not cut off
USER_AGENT = "sandbox-mta (webhook)"


class NotPosted(Exception):
    """There was no answer; the text says why."""


class Poster:
    """Posts to one URL."""

    def __init__(self, url: str, *, private: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        """`private` allows host names that lead to private addresses.

        Raises ValueError for what is no http or https URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH")
        if any(character <= " " for character in url):  # urlsplit drops some
            raise ValueError("a URL has no spaces or control characters")
        self._host = parts.hostname if parts.hostname.isascii() else _idna(parts.hostname)
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._private = private or _is_written_as_address(self._host)
        self._timeout_s = timeout_s
        target = parts.path or "/"
        self._target = f"{target}?{parts.query}" if parts.query else target
        self._fixed = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": USER_AGENT}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._fixed["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"

    async def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a body and return the status of the answer; raises `NotPosted`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(body, headers)
        except TimeoutError:
            raise NotPosted(f"no answer within {self._timeout_s:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise NotPosted(f"its certificate is wrong: {error.verify_message}") from None
        except (OSError, EOFError, ValueError) as error:
            raise NotPosted(str(error) or type(error).__name__) from None

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        address = await self._address()
        reader, writer = await asyncio.open_connection(
            address,
            self._port,
            limit=MAX_LINE,
            ssl=_context() if self._tls else None,
            server_hostname=self._host if self._tls else None,
        )
        try:
            writer.write(self._head(len(body), headers) + body)
            await writer.drain()
            status = await _status(reader)
            await _read_away(reader)
            return status
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _address(self) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM
        )
        addresses = [str(sockaddr[0]) for *_, sockaddr in found]
        if not self._private and not all(map(is_allowed, addresses)):
            raise NotPosted(
                f"{self._host} is {', '.join(addresses)}, which is private; "
                "SANDBOX_MTA_WEBHOOK_PRIVATE=on allows it"
            )
        # The address that was looked at, not the name: a second look-up may say another.
        return addresses[0]

    def _head(self, size: int, headers: Mapping[str, str]) -> bytes:
        fields = {**self._fixed, **headers, "Content-Length": str(size), "Connection": "close"}
        lines = [f"POST {self._target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1", "replace")


async def _status(reader: asyncio.StreamReader) -> int:
    line = await reader.readline()
    version, _, rest = line.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit():
        raise NotPosted("it does not answer in HTTP")
    return int(code)


async def _read_away(reader: asyncio.StreamReader) -> None:
    left = MAX_ANSWER
    while left > 0 and (octets := await reader.read(left)):
        left -= len(octets)


def _is_written_as_address(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _idna(host: str) -> str:
    return host.encode("idna").decode("ascii")


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
