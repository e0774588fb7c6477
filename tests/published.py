"""Test suites that other projects publish: fetched from the package registry, never copied here."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / ".cache" / "published"
FETCH_S = 120


def source_of(requirement: str) -> Path:
    """Return the folder of a package's source, kept once fetched; skips where it can't be had."""
    folder = CACHE / requirement
    if not folder.exists():
        _fetch(requirement)
    if not folder.exists():
        pytest.skip(f"the source of {requirement} can't be fetched here")
    return next(folder.iterdir())


def _fetch(requirement: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    try:
        subprocess.run(
            [*command, ":all:", "--dest", CACHE, requirement],
            check=True,
            capture_output=True,
            timeout=FETCH_S,
        )
    except (subprocess.SubprocessError, OSError):
        return
    name, _, version = requirement.partition("==")
    with tarfile.open(CACHE / f"{name}-{version}.tar.gz") as archive:
        archive.extractall(CACHE / f"{requirement}.new", filter="data")
    (CACHE / f"{requirement}.new").rename(CACHE / requirement)
