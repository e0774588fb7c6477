"""A database of its own for each test that wants one on a real server."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pymysql


@contextlib.contextmanager
def fresh_database(backend: str) -> Iterator[str | None]:
    """Yield the URL of an empty database; None means the default, SQLite in the data folder."""
    if backend == "sqlite":
        yield None
        return
    admin = urlsplit(os.environ[f"TEST_{backend.upper()}_URL"])
    name = f"e2e_{secrets.token_hex(6)}"
    connection = pymysql.connect(
        host=admin.hostname or "127.0.0.1",
        port=admin.port or 3306,
        user=admin.username or "root",
        password=admin.password or "",
        autocommit=True,
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield admin._replace(path=f"/{name}").geturl()
        finally:
            cursor.execute(f"DROP DATABASE {name}")
