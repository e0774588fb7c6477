"""A server process: started, waited for until it answers, stopped by its id."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devops_scripts.servers.machine import Unavailable, tail

_ANSWER_S = 60  # until the first answer; a quiet machine needs 1 to 4
_STOP_S = 15
_PROBE_EVERY_S = 0.05
_PROBE_S = 5

Probe = Callable[[int], Awaitable[str | None]]
"""Ask the server on a loopback port for its version; None while it doesn't answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers, what reaches it, and the process it is."""

    title: str  # with its version
    port: int
    url: str  # as the sandbox's settings and the tests take it
    process: asyncio.subprocess.Process
    variables: Mapping[str, str]  # what else its tests need to know

    async def stop(self) -> None:
        await stop(self.process)


async def launch(
    command: Sequence[str | Path], *, port: int, probe: Probe, log: Path
) -> tuple[asyncio.subprocess.Process, str]:
    """Start a server and give its process and version once it answers.

    Raises Unavailable, with the end of its log, when it ends before or stays silent.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *_dies_with_us(),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the tests: the server is stopped after them
        )
    try:
        return process, await _first_answer(process, port, probe)
    except BaseException as failure:
        await stop(process)
        if isinstance(failure, Unavailable):
            raise Unavailable(f"{failure}{tail(log)}") from None
        raise


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, and end it when it doesn't."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _dies_with_us() -> tuple[str, ...]:
    # After kill -9 nobody is left to stop the server, but the kernel can tell it.
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM") if setpriv else ()


async def _first_answer(process: asyncio.subprocess.Process, port: int, probe: Probe) -> str:
    try:
        async with asyncio.timeout(_ANSWER_S):
            while True:
                if process.returncode is not None:
                    raise Unavailable(f"ended with status {process.returncode} at its start")
                if version := await _ask(port, probe):
                    return version
                await asyncio.sleep(_PROBE_EVERY_S)
    except TimeoutError:
        raise Unavailable(f"no answer on port {port} within {_ANSWER_S} s") from None


async def _ask(port: int, probe: Probe) -> str | None:
    try:
        async with asyncio.timeout(_PROBE_S):
            return await probe(port)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return None
