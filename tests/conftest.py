"""Where the real servers, the clients and the browser are, and why a test goes without one.

`devops_scripts/test.sh` starts the servers and names them in the environment. Mark a test with
`mariadb`, `mysql`, `kafka` or `browser`, or with `clients("swaks", ...)` and the programs it runs
(none named: all of them).
"""

import os
import shutil
from collections.abc import Iterator, Mapping

import pytest

SERVERS: Mapping[str, tuple[str, str]] = {
    "mariadb": ("MariaDB", "TEST_MARIADB_URL"),
    "mysql": ("MySQL", "TEST_MYSQL_URL"),
    "kafka": ("Apache Kafka", "TEST_KAFKA"),
}
CLIENTS = ("swaks", "msmtp", "kcat", "curl")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for reason in _lacking(item):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def mariadb_url() -> str:
    """The address of a MariaDB whose account may create databases."""
    return _named_server("mariadb")


@pytest.fixture(scope="session")
def mysql_url() -> str:
    """The address of a MySQL whose account may create databases."""
    return _named_server("mysql")


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """HOST:PORT of an Apache Kafka that creates topics on demand."""
    return _named_server("kafka")


@pytest.fixture(scope="session")
def kafka_libs() -> str:
    """The folder with Apache Kafka's jars, for its console clients: `java -cp FOLDER/*`."""
    folder = os.environ.get("KAFKA_LIBS")
    if not folder:
        pytest.skip(_no_server("kafka", "KAFKA_LIBS"))
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser's program, for playwright's `executable_path`."""
    path = _chromium()
    if path is None:
        pytest.skip("no chromium on this machine")
    return path


def _lacking(item: pytest.Item) -> Iterator[str]:
    """Give the reasons why a test can't run here."""
    for marker, (_, variable) in SERVERS.items():
        if item.get_closest_marker(marker) and not os.environ.get(variable):
            yield _no_server(marker, variable)
    for mark in item.iter_markers("clients"):
        for program in mark.args or CLIENTS:
            if shutil.which(program) is None:
                yield f"no {program} on this machine"
    if item.get_closest_marker("browser") and _chromium() is None:
        yield "no chromium on this machine"


def _named_server(name: str) -> str:
    variable = SERVERS[name][1]
    url = os.environ.get(variable)
    if not url:
        pytest.skip(_no_server(name, variable))
    return url


def _no_server(name: str, variable: str) -> str:
    title, named_by = SERVERS[name]
    why = os.environ.get(f"{named_by}_WHY") or f"{variable} is not set; test.sh starts one"
    return f"no {title}: {why}"


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")
