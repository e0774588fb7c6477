"""SMTP listens before the store is open: what is imported when decides how soon."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"sqlalchemy", "alembic", "aiosqlite", "aiomysql", "pymysql"}

OPEN_TWICE = """\
import asyncio, sys
from pathlib import Path
from sandbox_mta.store import open_store

async def main():
    store = await open_store("sqlite:///sandbox.db", folder=Path(sys.argv[1]), instance="one")
    await store.close()

asyncio.run(main())
"""


def imported_by(code: str, *arguments: str) -> set[str]:
    shown = f"{code}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", shown, *arguments]
    result = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "module", ["sandbox_mta.store", "sandbox_mta.store.database", "sandbox_mta.store.lint_worker"]
)
def test_it_imports_no_library_of_a_database(module: str) -> None:
    assert imported_by(f"import {module}") & HEAVY == set()


def test_alembic_is_imported_only_when_there_is_something_to_migrate(tmp_path: Path) -> None:
    first = imported_by(OPEN_TWICE, str(tmp_path))
    second = imported_by(OPEN_TWICE, str(tmp_path))

    assert {"alembic", "sqlalchemy"} <= first
    assert second & HEAVY == {"sqlalchemy", "aiosqlite"}
