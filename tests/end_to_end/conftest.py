"""A running sandbox on embedded defaults, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox") / "data") as running:
        yield running
