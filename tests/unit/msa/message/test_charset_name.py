"""Registered names of charsets."""

import pytest

from msa.message.charset import codec_name
from msa.message.charset_name import is_registered, preferred_name


@pytest.mark.parametrize("name", ["utf-8", "UTF-8", "latin1", "iso-ir-100", "csISOLatin1", "l2"])
def test_registered_names_are_known_in_any_case(name: str) -> None:
    assert is_registered(name)


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("utf8", "UTF-8"),
        ("cp1252", "windows-1252"),
        ("iso8859-1", "ISO-8859-1"),
        ("ascii", "US-ASCII"),
        ("sjis", "Shift_JIS"),
        ("euckr", "EUC-KR"),
        ("utf8mb4", None),
        ("", None),
    ],
)
def test_a_name_that_is_not_registered_has_a_better_one(name: str, better: str | None) -> None:
    assert not is_registered(name)
    assert preferred_name(name) == better


@pytest.mark.parametrize("name", ["UTF-8", "ISO-8859-15", "GB2312", "windows-1251", "KOI8-U"])
def test_the_preferred_name_is_registered_and_is_its_own_best(name: str) -> None:
    assert is_registered(name)
    assert preferred_name(name) == name
    assert codec_name(name) is not None
