"""Addresses to listen on: reading them, binding them, and saying who has a taken one."""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

BACKLOG = 512


class CantListen(Exception):
    """An address can't be had; the text is one line that names it, its setting and its holder."""


def split(address: str) -> tuple[str, int]:
    """Split HOST:PORT; no host means every address of the machine."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def reachable(host: str) -> str:
    """Return the host that reaches a listener from this machine: loopback for every address."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 # not a bind


def bind(address: str, setting: str) -> socket.socket:
    """Return a listening socket; raises `CantListen`."""
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CantListen(explain(error, address, setting)) from None
    listener.setblocking(False)
    return listener


def explain(error: OSError, address: str, setting: str) -> str:
    """Say in one line why an address can't be had, and which setting chooses another."""
    way_out = f"choose another with {setting}"
    if error.errno == errno.EADDRINUSE:
        by = holder(split(address)[1])
        return f"port {split(address)[1]} is taken{by and ' by ' + by}; {way_out}"
    reason = os.strerror(error.errno) if error.errno else "no such host"
    return f"can't listen on {address}: {reason}; {way_out}"


def holder(port: int) -> str:
    """Name the process that listens on a TCP port, where the system lets us see it."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                # Columns: local address as HEX:PORT, state (0A is LISTEN), and the inode.
                if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        with suppress(OSError):
            if any(os.readlink(entry) in inodes for entry in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"process {process.name} ({name})"
    return ""
