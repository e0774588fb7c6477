"""The sandbox beside its peers: intake and sustained rates, in interleaved rounds of one run.

    python benchmarks/run.py                    # five rounds, 20,000 messages of 4 KB
    python benchmarks/run.py --rounds 1 --messages 2000 --peers stock,sandbox

intake      messages accepted a second, while delivery and lint may lag
sustained   messages divided by the time until all are accepted and delivered and linted

Every server is started afresh for each cell, with its data in a folder of its own, and warmed up.
Only ratios within one run mean anything: two runs on one machine differ by a quarter. Peers: stock
aiosmtpd that discards, and Mailpit (database in a file) when `mailpit` is on PATH, named by
$MAILPIT, or can be built with Go. With TEST_MARIADB_URL the sandbox runs on MariaDB too.
"""

import argparse
import contextlib
import os
import platform
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import submit

MAILPIT = "github.com/axllent/mailpit@v1.27.11"
WARM_UP = 500  # messages before the measured ones
LONGEST_S = 300.0  # a cell that takes longer is given up


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Peer(ABC):
    """A server under test: how to start it, and how to tell that it has nothing left to do."""

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments."""

    def environment(self) -> dict[str, str]:
        return {}

    def pending(self) -> int:
        """Count the messages that are accepted but not yet delivered or linted."""
        return 0

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1) as probe,
            ):
                if probe.recv(3) == b"220":
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"{self.name} did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def memory_mib(self) -> float:
        """Return the proportional set size of the process tree."""
        assert self.process is not None
        total = 0
        for pid in _tree(self.process.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _tree(int(child))


class Stock(Peer):
    def command(self) -> list[str]:
        script = Path(__file__).with_name("stock_aiosmtpd.py")
        return [sys.executable, str(script), str(self.port)]


class Mailpit(Peer):
    def command(self) -> list[str]:
        return [
            find_mailpit() or "mailpit",
            *("--smtp", f"127.0.0.1:{self.port}", "--listen", f"127.0.0.1:{self.http_port}"),
            *("-d", str(self.folder / "mailpit.db"), "-m", "0", "-q"),
            *("--smtp-disable-rdns", "--disable-version-check"),
        ]


class Sandbox(Peer):
    def command(self) -> list[str]:
        return [sys.executable, "-m", "sandbox_mta", "serve"]

    def environment(self) -> dict[str, str]:
        return {
            "SANDBOX_MTA_SMTP": f"127.0.0.1:{self.port}",
            "SANDBOX_MTA_HTTP": f"127.0.0.1:{self.http_port}",
            "SANDBOX_MTA_KAFKA": "off",
            "SANDBOX_MTA_DATA": str(self.folder),
            "SANDBOX_MTA_LOG": "warning",  # as Mailpit's -q
        }

    def pending(self) -> int:
        with contextlib.closing(
            sqlite3.connect(f"file:{self.folder / 'sandbox.db'}?mode=ro", uri=True)
        ) as reader:
            return int(reader.execute(PENDING).fetchone()[0])


# 1 as long as anything is left to do; both halves stop at the first row.
PENDING = (
    "SELECT EXISTS (SELECT 1 FROM submissions WHERE linted_at IS NULL) + "
    "EXISTS (SELECT 1 FROM recipients WHERE state IN ('queued', 'attempting'))"
)


class SandboxOnMariaDB(Sandbox):
    def environment(self) -> dict[str, str]:
        return {**super().environment(), "SANDBOX_MTA_DATABASE": self._url}

    def start(self) -> None:
        self._admin = os.environ["TEST_MARIADB_URL"]
        self._database = f"bench_{os.getpid()}_{self.port}"
        self._run(f"CREATE DATABASE {self._database}")
        self._url = urlsplit(self._admin)._replace(path=f"/{self._database}").geturl()
        super().start()

    def stop(self) -> None:
        super().stop()
        self._run(f"DROP DATABASE {self._database}")

    def pending(self) -> int:
        return self._run(PENDING, self._database)

    def _run(self, statement: str, database: str | None = None) -> int:
        import pymysql

        url = urlsplit(self._admin)
        connection = pymysql.connect(
            host=url.hostname or "127.0.0.1",
            port=url.port or 3306,
            user=url.username or "root",
            password=url.password or "",
            database=database,
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
            return int(row[0]) if row else 0


def find_mailpit() -> str | None:
    """Return Mailpit's path; built into the cache folder when Go is here and it isn't."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sandbox-mta-tests/bin"
    found = os.environ.get("MAILPIT") or shutil.which(
        "mailpit", path=f"{cache}:{os.environ['PATH']}"
    )
    if found or not shutil.which("go"):
        return found
    print(f"building {MAILPIT} ...", file=sys.stderr)
    subprocess.run(["go", "install", MAILPIT], env={**os.environ, "GOBIN": str(cache)}, check=True)
    return str(cache / "mailpit")


@dataclass
class Cell:
    """One measurement: a peer under so many sessions."""

    intake: float
    sustained: float
    p50_ms: float
    p99_ms: float
    memory_mib: float


def measure(peer: Peer, sessions: int, messages: int) -> Cell:
    """Start a peer, load it, wait until it is done, stop it."""
    peer.start()
    try:
        address = ("127.0.0.1", peer.port)
        submit.run(submit.Load(address, sessions, WARM_UP))
        _wait_idle(peer)
        started = time.perf_counter()
        result = submit.run(submit.Load(address, sessions, messages))
        _wait_idle(peer)
        done = time.perf_counter() - started
        if result.accepted != messages:
            raise SystemExit(f"{peer.name}: {result.as_dict()}")
        found = result.as_dict()
        return Cell(
            messages / result.elapsed_s,
            messages / done,
            float(found["p50_ms"]),
            float(found["p99_ms"]),
            peer.memory_mib(),
        )
    finally:
        peer.stop()


def _wait_idle(peer: Peer) -> None:
    deadline = time.monotonic() + LONGEST_S
    while peer.pending():
        if time.monotonic() > deadline:
            raise SystemExit(f"{peer.name}: not done after {LONGEST_S:.0f} s")
        time.sleep(0.02)


def fdatasync_ms() -> float:
    """Return the median time of writing and syncing 8 KB, in milliseconds."""
    times = []
    with tempfile.NamedTemporaryFile(dir=".") as file:
        for _ in range(200):
            started = time.perf_counter()
            os.write(file.fileno(), b"x" * 8192)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


KINDS = {
    "stock": Stock,
    "mailpit": Mailpit,
    "sandbox": Sandbox,
    "sandbox-mariadb": SandboxOnMariaDB,
}


def available() -> list[str]:
    names = ["stock", "sandbox"]
    if find_mailpit():
        names.insert(1, "mailpit")
    if os.environ.get("TEST_MARIADB_URL"):
        names.append("sandbox-mariadb")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--sessions", default="10,50")
    parser.add_argument(
        "--peers", default="", help=f"of {', '.join(KINDS)}; default: all there are"
    )
    options = parser.parse_args()
    names = options.peers.split(",") if options.peers else available()
    sessions = [int(text) for text in options.sessions.split(",")]
    cells: dict[tuple[str, int], list[Cell]] = {}
    for round_number in range(options.rounds):
        for count in sessions:
            for name in names:
                with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder:
                    cell = measure(KINDS[name](name, Path(folder)), count, options.messages)
                cells.setdefault((name, count), []).append(cell)
                print(
                    f"round {round_number + 1}, {count} sessions, {name}: {cell.intake:.0f}/s "
                    f"intake, {cell.sustained:.0f}/s sustained, {cell.memory_mib:.0f} MiB",
                    file=sys.stderr,
                )
    report(names, sessions, cells, options)


def report(
    names: list[str],
    sessions: list[int],
    cells: dict[tuple[str, int], list[Cell]],
    options: argparse.Namespace,
) -> None:
    """Print the facts of the machine and a table of medians and ratios."""
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"fdatasync of 8 KB {fdatasync_ms():.2f} ms; {options.rounds} rounds of "
        f"{options.messages} messages of 4 KB, medians (least, most)\n"
    )
    for count in sessions:
        print(
            f"| {count} sessions | intake /s | sustained /s | p50 ms | p99 ms | PSS MiB |", end=""
        )
        print(" intake x stock | x mailpit | sustained x stock | x mailpit |")
        print("|---" * 10 + "|")
        for name in names:
            print(_row(name, count, cells))
        print()


def _row(name: str, count: int, cells: dict[tuple[str, int], list[Cell]]) -> str:
    mine = cells[name, count]

    def median(of: list[Cell], what: str) -> float:
        return statistics.median(getattr(cell, what) for cell in of)

    def spread(what: str) -> str:
        values = [getattr(cell, what) for cell in mine]
        return f"{statistics.median(values):.0f} ({min(values):.0f}, {max(values):.0f})"

    def ratio(what: str, other: str) -> str:
        theirs = cells.get((other, count))
        return f"{median(mine, what) / median(theirs, what):.2f}" if theirs else "-"

    figures = [spread("intake"), spread("sustained")]
    figures += [f"{median(mine, what):.1f}" for what in ("p50_ms", "p99_ms", "memory_mib")]
    figures += [
        ratio(what, peer) for what in ("intake", "sustained") for peer in ("stock", "mailpit")
    ]
    return f"| {name} | " + " | ".join(figures) + " |"


if __name__ == "__main__":
    main()
