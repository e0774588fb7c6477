"""What tests of the bridge share: records, and the templates that are shipped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.event import EventRef, Record
from bridge.rendering.catalogue import Catalogue

ROOT = Path(__file__).parents[3]


@pytest.fixture
def record() -> Callable[..., Record]:
    """Make a record of octets, or of anything that JSON can say."""

    def make(
        value: Any = None, *, offset: int = 0, key: bytes | None = None, **headers: Any
    ) -> Record:
        octets = value if isinstance(value, bytes | None) else json.dumps(value).encode()
        pairs = tuple(
            (
                name.replace("content_type", "content-type"),
                text if isinstance(text, bytes) else text.encode(),
            )
            for name, text in headers.items()
        )
        return Record(EventRef("shop", 1, offset, 1_790_000_000_000), key, octets, pairs)

    return make


@pytest.fixture(scope="session")
def shipped() -> Catalogue:
    """The templates of this repository."""
    return Catalogue(ROOT / "templates")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a templates folder: `name/file` -> text."""

    def make(files: dict[str, str]) -> Path:
        root = tmp_path / "templates"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return make
