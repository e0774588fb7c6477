"""`python -m devops_scripts.servers`: the door to all servers, for scripts and people."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from devops_scripts.servers import kafka, mail_servers, mariadb, mysql, packages
from devops_scripts.servers.machine import Unavailable, free_port, note, port_is_free
from devops_scripts.servers.process import Server, stop

Start = Callable[[Path, int], Awaitable[Server]]

STARTERS: Mapping[str, Start] = {
    "mariadb": mariadb.start,
    "mysql": mysql.start,
    "kafka": kafka.start,
}
# The variable that names each server to the tests; beside it "…_WHY" says why there is none.
VARIABLES: Mapping[str, str] = {
    "mariadb": "TEST_MARIADB_URL",
    "mysql": "TEST_MYSQL_URL",
    "kafka": "TEST_KAFKA",
}
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "mariadb": ("mariadbd", "my_print_defaults"),
    "mysql": (),
    "kafka": ("java", "mvn"),
}
_TOOLS = ("swaks", "msmtp", "mshow", "kcat", "curl", "chromium", "strace", "shellcheck")
_CANNOT_RUN = 2


def main() -> int:
    arguments = _parser().parse_args()
    work = _test(arguments.command) if arguments.task == "test" else _play(arguments)
    try:
        return asyncio.run(work)
    except Unavailable as failure:
        sys.stderr.write(f"{failure}\n")
        return _CANNOT_RUN
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="servers", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    play = tasks.add_parser("play", help="start one server, print its address, stay until Ctrl-C")
    play.add_argument("server", choices=STARTERS)
    play.add_argument("--port", type=int, help="loopback port (default: a free one)")
    play.add_argument("--data", type=Path, help="folder that keeps its data (default: none)")
    test = tasks.add_parser("test", help="start all servers, run a command with their addresses")
    test.add_argument("command", nargs="+")
    return parser


async def _play(arguments: argparse.Namespace) -> int:
    """Start one server and keep it until someone ends it."""
    _stop_on_signals(asyncio.current_task())
    port = arguments.port or free_port()
    if not port_is_free(port):
        raise Unavailable(f"port {port} on 127.0.0.1 is taken: choose another with --port")
    async with AsyncExitStack() as stack:
        folder = arguments.data or Path(stack.enter_context(_temporary_folder()))
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        await packages.install(_NEEDS[arguments.server], folder)
        server = await STARTERS[arguments.server](folder, port)
        stack.push_async_callback(server.stop)
        note(f"{server.title} on 127.0.0.1:{port}; Ctrl-C stops it")
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        return await server.process.wait()


async def _test(command: list[str]) -> int:
    """Start the servers that nobody named, run the command, stop them; give its exit status."""
    _stop_on_signals(asyncio.current_task())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(_temporary_folder()))
        variables = await _all_servers(stack, folder)
        if lacking := [name for name in _required() if VARIABLES[name] not in variables]:
            for name in lacking:
                note(f"required here, but missing: {name}: {variables[VARIABLES[name] + '_WHY']}")
            return _CANNOT_RUN
        return await _run_tests(command, variables)


async def _all_servers(stack: AsyncExitStack, folder: Path) -> dict[str, str]:
    named = {name: os.environ[key] for name, key in VARIABLES.items() if os.environ.get(key)}
    wanted = [name for name in STARTERS if name not in named]
    programs = [program for name in wanted for program in _NEEDS[name]]
    async with asyncio.TaskGroup() as group:
        installed = group.create_task(packages.install([*programs, *_TOOLS], folder))
        starting = [
            group.create_task(_one_server(stack, name, _folder_of(name, folder), installed))
            for name in wanted
        ]
        others = group.create_task(_mail_servers(folder, installed))
    variables = {VARIABLES[name]: url for name, url in named.items()}
    for server in (*starting, others):
        variables |= server.result()
    return variables


async def _mail_servers(folder: Path, installed: asyncio.Task[None]) -> dict[str, str]:
    if os.environ.get(mail_servers.VARIABLE):
        return {}
    await installed  # apt-get has refreshed its lists by then
    return await mail_servers.unpack(folder)


async def _one_server(
    stack: AsyncExitStack, name: str, folder: Path, installed: asyncio.Task[None]
) -> dict[str, str]:
    """Start one server; give the variables that name it, or the one that says why there is none."""
    try:
        if _NEEDS[name]:
            await installed
        server = await STARTERS[name](folder, free_port())
    except Unavailable as failure:
        note(f"{name}: {failure}")
        return {f"{VARIABLES[name]}_WHY": str(failure).splitlines()[0]}
    stack.push_async_callback(server.stop)
    note(f"{server.title} on 127.0.0.1:{server.port}")
    return {VARIABLES[name]: server.url, **server.variables}


def _required() -> list[str]:
    """Give the servers without which a run proves too little."""
    required = ["mariadb", "kafka"] if os.environ.get("CI") in ("true", "1") else []
    # Its packages come from a distribution that moves daily, so it is asked for by name.
    return [*required, "mysql"] if os.environ.get("REQUIRE_MYSQL") == "1" else required


async def _run_tests(command: list[str], variables: Mapping[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | variables)
    loop = asyncio.get_running_loop()
    # The terminal sends Ctrl-C to the tests as well: they end by themselves, with their summary.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, process.terminate)
    try:
        status = await process.wait()
    finally:
        await stop(process)
    return status if status >= 0 else 128 - status


def _stop_on_signals(task: asyncio.Task[int] | None) -> None:
    assert task is not None, "runs inside a task"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _folder_of(name: str, parent: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="sandbox-mta-", ignore_cleanup_errors=True)


if __name__ == "__main__":
    sys.exit(main())
