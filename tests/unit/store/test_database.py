"""A database's URL, and what is said when it is wrong."""

from pathlib import Path

import pytest

from sandbox_mta.store.database import BadAddress, parse_url

FOLDER = Path("/data")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///sandbox.db", "/data/sandbox.db"),
        ("sqlite:///sub/sand%20box.db", "/data/sub/sand box.db"),
        ("sqlite:////var/lib/sandbox.db", "/var/lib/sandbox.db"),
    ],
)
def test_a_sqlite_file_is_relative_to_the_data_folder(url: str, path: str) -> None:
    assert parse_url(url, FOLDER).path == Path(path)


def test_a_mysql_url_names_everything_needed_to_connect() -> None:
    address = parse_url("mysql://me%40here:p%2Fw%3A@db.example:3307/sandbox?ssl_ca=/ca.pem", FOLDER)

    assert (address.dialect, address.host, address.port) == ("mysql", "db.example", 3307)
    assert (address.user, address.password, address.name) == ("me@here", "p/w:", "sandbox")
    assert address.ssl_ca == "/ca.pem"


def test_the_port_of_mysql_is_known() -> None:
    assert parse_url("mysql://root@localhost/sandbox", FOLDER).port == 3306


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://x:hunter2@h/d", "a database is sqlite:///FILE or mysql://"),
        ("mysql://x:hunter2@h:port/d", "no valid port"),
        ("mysql://x:hunter2@h:70000/d", "no valid port"),
        ("mysql://x:hunter2@/d", "names no host or no database"),
        ("mysql://x:hunter2@h/", "names no host or no database"),
        ("mysql://x:hunter2@h/d?colour=red", "unknown option: colour"),
        ("sqlite://hunter2/file.db", "sqlite:///FILE"),
        ("sqlite:///", "sqlite:///FILE"),
        ("sqlite:///x.db?mode=hunter2", "sqlite:///FILE"),
        ("", "a database is sqlite:///FILE or mysql://"),
        ("mysql://[::1/d", "brackets"),
    ],
)
def test_a_bad_url_is_explained_in_one_line_without_its_password(url: str, said: str) -> None:
    with pytest.raises(BadAddress, match=said) as refusal:
        parse_url(url, FOLDER)

    assert "hunter2" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_no_text_of_an_address_shows_the_password() -> None:
    address = parse_url("mysql://me:hunter2@db.example/sandbox", FOLDER)

    assert str(address) == "mysql://me@db.example:3306/sandbox"
    assert "hunter2" not in repr(address)


def test_a_certificate_that_can_not_be_read_is_named() -> None:
    address = parse_url("mysql://me@db.example/sandbox?ssl_ca=/no/such/file.pem", FOLDER)

    with pytest.raises(BadAddress, match=r"ssl_ca=/no/such/file\.pem"):
        address.ssl_context()
