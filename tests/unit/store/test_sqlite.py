from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox_mta.store.sqlite import connect


def test_who_opens_a_new_file_at_once_with_others_waits_for_them(tmp_path: Path) -> None:
    """SQLite answers "database is locked" at once when two make one file a WAL one."""
    for n in range(10):
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(connect, [tmp_path / f"{n}.db"] * 8))

        for connection in opened:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            connection.close()
