"""What this machine has, and what it can be given: programs, packages, folders, ports."""

import asyncio
import os
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_STARTED = time.monotonic()
_ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # a user's PATH often lacks them
_TAIL_LINES = 20  # of a log, shown when its program failed
# A client that retries on a port of the ephemeral range (from 32,768 on Linux) can connect to
# itself.
_PORTS = range(20_000, 32_000)


class Unavailable(Exception):
    """Something can't be had here; the text is one line that says what and why."""


def note(line: str) -> None:
    """Tell a person on stderr what goes on, with the seconds since the start."""
    sys.stderr.write(f"[{time.monotonic() - _STARTED:6.1f} s] {line}\n")
    sys.stderr.flush()


def find_program(name: str) -> str | None:
    """Give the path of an installed program, also where only root's PATH looks."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_ADMIN_FOLDERS))


def cache_folder() -> Path:
    """Give the folder in which downloads are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("TEST_CACHE") or Path(home) / "sandbox-mta-tests").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    """Give a loopback port below the ephemeral range that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        if port_is_free(port):
            return port
    raise Unavailable(f"no free port between {_PORTS.start} and {_PORTS.stop}")


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As the servers do it: connections in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(log: Path) -> str:
    """Give the last lines of a log, indented."""
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)


async def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    within_s: float,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a program to its end, its output in `log`.

    Raises Unavailable, with the end of the log, when it fails or takes longer than `within_s`.
    """
    name = Path(command[0]).name
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | (variables or {}),
            cwd=folder,
        )
    try:
        async with asyncio.timeout(within_s):
            status = await process.wait()
    except TimeoutError:
        raise Unavailable(f"{name} took longer than {within_s:.0f} s{tail(log)}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status:
        raise Unavailable(f"{name} ended with status {status}{tail(log)}")


@contextmanager
def filled_once(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill that becomes `folder` when all went well.

    Two runs may do this at once: the first one's folder stays, the other's is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        if not folder.exists():
            draft.chmod(0o755)
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
