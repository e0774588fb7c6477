"""A running sandbox on embedded defaults, and mail servers, shared by the tests of a module."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def packages() -> Iterator[Path]:
    """A folder with Postfix and Exim in which their own users may read."""
    folder = os.environ.get("MAIL_SERVERS")
    if not folder:
        why = os.environ.get("MAIL_SERVERS_WHY", "MAIL_SERVERS is not set; test.sh unpacks them")
        pytest.skip(f"no Postfix and no Exim: {why}")
    # pytest's temporary folders and the cache in root's home are closed to other users.
    with tempfile.TemporaryDirectory(prefix="sandbox-mta-mail-") as made:
        Path(made).chmod(0o755)
        yield Path(shutil.copytree(folder, Path(made) / "root", symlinks=True))
