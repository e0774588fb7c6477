"""The program that starts the tests' servers, with none of them at hand."""

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devops_scripts.servers import kafka, sql
from devops_scripts.servers.machine import Unavailable, filled_once, free_port, port_is_free, run
from devops_scripts.servers.process import launch

ROOT = Path(__file__).parents[3]
NAMED = {
    "TEST_MARIADB_URL": "mysql://somewhere/else",
    "TEST_MYSQL_URL": "mysql://elsewhere/again",
    "TEST_KAFKA": "elsewhere:9092",
}


def with_servers(
    *command: str, nothing_at: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as test.sh runs pytest, where no program can be found or installed."""
    return subprocess.run(
        [sys.executable, "-m", "devops_scripts.servers", "test", "--", *command],
        env={"PATH": str(nothing_at), "TEST_CACHE": str(nothing_at / "cache"), **variables},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_named_servers_are_used_and_the_exit_status_is_the_commands(tmp_path: Path) -> None:
    code = "import os; print(os.environ['TEST_KAFKA']); raise SystemExit(7)"

    done = with_servers(sys.executable, "-c", code, nothing_at=tmp_path, CI="true", **NAMED)

    assert (done.returncode, done.stdout) == (7, "elsewhere:9092\n")


def test_what_can_not_be_had_is_told_to_the_tests(tmp_path: Path) -> None:
    code = "import os; print(os.environ['TEST_KAFKA_WHY'])"
    named = NAMED | {"TEST_KAFKA": ""}

    done = with_servers(sys.executable, "-c", code, nothing_at=tmp_path, **named)

    assert done.returncode == 0
    assert done.stdout == "no Java on this machine (Debian: default-jre-headless)\n"


@pytest.mark.parametrize(
    ("variable", "asked"), [("TEST_KAFKA", {"CI": "true"}), ("TEST_MYSQL_URL", {})]
)
def test_a_required_server_that_is_missing_fails_before_the_tests(
    tmp_path: Path, variable: str, asked: dict[str, str]
) -> None:
    named = NAMED | {variable: "", "REQUIRE_MYSQL": "1"} | asked

    done = with_servers(sys.executable, "-c", "print('ran')", nothing_at=tmp_path, **named)

    assert (done.returncode, done.stdout) == (2, "")
    assert "required here, but missing" in done.stderr


def test_a_free_port_can_not_be_one_that_clients_are_given() -> None:
    port = free_port()

    assert port < 32_768
    assert port_is_free(port)


async def test_a_program_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"(?s)ended with status 3.*the last words"):
        await run(["sh", "-c", "echo the last words; exit 3"], log=tmp_path / "log", within_s=10)


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="took longer than 0 s"):
        await run(["sleep", "60"], log=tmp_path / "log", within_s=0.05)


async def test_a_server_that_ends_at_its_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"(?s)status 1 at its start.*no such option"):
        await launch(
            ["sh", "-c", "echo no such option; exit 1"],
            port=free_port(),
            probe=sql.version,
            log=tmp_path / "log",
        )


async def test_the_version_is_read_from_the_greeting() -> None:
    greeting = b"\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\x00rest"

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(len(greeting).to_bytes(3, "little") + b"\x00" + greeting)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        version = await sql.version(server.sockets[0].getsockname()[1])

    assert version == "10.11.19"


def test_a_download_that_broke_off_leaves_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(ConnectionError), filled_once(tmp_path / "jars") as draft:
        (draft / "half").touch()
        raise ConnectionError

    assert list(tmp_path.iterdir()) == []


def test_two_runs_that_fill_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    with filled_once(tmp_path / "jars") as slow:
        with filled_once(tmp_path / "jars") as quick:
            (quick / "jar").write_text("whole")
        (slow / "jar").write_text("whole too")

    assert [path.name for path in tmp_path.iterdir()] == ["jars"]
    assert (tmp_path / "jars/jar").read_text() == "whole"


def test_kafkas_folder_may_hold_a_space(tmp_path: Path) -> None:
    assert kafka._escaped(tmp_path / "a b") == os.fspath(tmp_path / "a b")
