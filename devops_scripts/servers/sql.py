"""What MariaDB and MySQL have in common: the first account, and the greeting on the wire."""

import asyncio
import re
from pathlib import Path

_USER = "sandbox"
_ACCOUNT = f"""\
CREATE DATABASE IF NOT EXISTS {_USER};
CREATE USER IF NOT EXISTS '{_USER}'@'%' IDENTIFIED BY '{_USER}';
GRANT ALL PRIVILEGES ON *.* TO '{_USER}'@'%' WITH GRANT OPTION;
"""
_MAX_GREETING = 1024  # octets; a handshake packet has about a hundred
_PROTOCOL_10 = 10


def write_account(folder: Path) -> Path:
    """Write the statements a new server runs at its start: one account, one database."""
    file = folder / "account.sql"
    file.write_text(_ACCOUNT)
    return file


def url(port: int) -> str:
    """Give the address of that account's database; the account may create others."""
    return f"mysql://{_USER}:{_USER}@127.0.0.1:{port}/{_USER}"


def shared_options(folder: Path, port: int) -> list[str]:
    """Give the options of a server that nobody outside this machine sees.

    What decides over durability and packet sizes stays at the server's own defaults.
    """
    return [
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={folder / 'socket'}",
        f"--pid-file={folder / 'pid'}",
        f"--init-file={write_account(folder)}",
        "--skip-name-resolve",
    ]


async def version(port: int) -> str | None:
    """Read the version out of the greeting that the server sends by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        length = int.from_bytes((await reader.readexactly(4))[:3], "little")
        greeting = await reader.readexactly(min(length, _MAX_GREETING))
    finally:
        writer.close()
    if greeting[0] != _PROTOCOL_10:
        return None
    # MariaDB puts "5.5.5-" before its own version, for clients that know no 10.
    found = re.match(r"(?:5\.5\.5-)?([0-9.]+)", greeting[1:].decode("ascii", "replace"))
    return found[1] if found else None
