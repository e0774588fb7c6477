"""The data folder: who holds it, and the name this instance keeps in it."""

import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

_LOCK = "lock"
_INSTANCE = "instance"


class DataFolderError(Exception):
    """The data folder can't be used; the text is one line that says why and the way out."""


class DataFolder:
    """A data folder that this process holds alone, until it ends."""

    def __init__(self, path: Path, lock: int, instance: str) -> None:
        self.path, self.instance = path, instance
        self._lock = lock

    @classmethod
    def hold(cls, path: Path, instance: str | None = None) -> Self:
        """Make the folder when it is missing, and lock it.

        `instance` replaces the random name that is otherwise kept in the folder. Raises
        `DataFolderError` when another process holds it or it can't be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"can't use the data folder {path}: {error.strerror}; choose another with --data"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise DataFolderError(
                f"the data folder {path} is in use by process {holder or 'unknown'}; "
                "stop it, or choose another with --data"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(path, lock, instance or _kept_name(path / _INSTANCE))

    def release(self) -> None:
        """Let another process have the folder."""
        with contextlib.suppress(OSError):
            os.close(self._lock)


def _kept_name(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        name = path.read_text(encoding="ascii").strip()
        if name:
            return name
    name = f"sandbox-{secrets.token_hex(4)}"
    path.write_text(name + "\n", encoding="ascii")
    return name
