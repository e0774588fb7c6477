"""Statements built by hand: nothing in a value may be taken for SQL."""

import ssl
from pathlib import Path

import pytest

from sandbox_mta.store.database import Rejected, Unavailable, parse_url
from sandbox_mta.store.mysql import STATEMENT_CHARACTERS, connection_error, fill, literal, portions

ADDRESS = parse_url("mysql://me:hunter2@db.example/sandbox", Path())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (7, "7"),
        (-1, "-1"),
        (True, "1"),
        ("", "''"),
        ("it's", "'it\\'s'"),
        ('\\"\x00\n\r\x1a', "'\\\\\\\"\\0\\n\\r\\Z'"),
        ("?", "'?'"),
        (b"", "X''"),
        (b"'\x00\xff", "X'2700ff'"),
    ],
)
def test_a_value_as_sql(value: int | str | bytes | None, text: str) -> None:
    assert literal(value) == text


def test_a_question_mark_in_a_value_is_no_place_for_another() -> None:
    assert list(fill("(?, 0, ?)", [("a?", 1), ("?b", None)])) == ["('a?', 0, 1)", "('?b', 0, NULL)"]


def test_a_row_with_too_few_values_is_a_bug() -> None:
    with pytest.raises(ValueError, match="longer"):
        list(fill("(?, ?)", [("a",)]))


def test_rows_are_grouped_until_a_statement_is_long_enough() -> None:
    half = "x" * (STATEMENT_CHARACTERS // 2)
    whole = "y" * STATEMENT_CHARACTERS

    assert list(portions([half, half, "z", whole, whole])) == [
        [half, half],
        ["z"],
        [whole],
        [whole],
    ]
    assert list(portions([])) == []


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    refusal = ssl.SSLCertVerificationError(1, "certificate verify failed")
    refusal.verify_message = "self-signed certificate"
    error = Exception(2003, "Can't connect")
    error.__cause__ = refusal

    told = connection_error(ADDRESS, error)

    assert str(told) == "no TLS with mysql://me@db.example:3306/sandbox: self-signed certificate"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (Exception(1049, "Unknown database"), Rejected, "CREATE DATABASE sandbox"),
        (Exception(1045, "Access denied"), Rejected, "check the password"),
        (Exception(2003, "Can't connect"), Unavailable, "no database answers"),
        (OSError("refused"), Unavailable, "no database answers"),
    ],
)
def test_why_there_is_no_connection_is_one_line(
    error: Exception, kind: type[Exception], said: str
) -> None:
    told = connection_error(ADDRESS, error)

    assert type(told) is kind
    assert said in str(told)
    assert "hunter2" not in str(told)
