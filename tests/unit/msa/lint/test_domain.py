"""Domains as people see them: slips, scripts, twins, reserved names."""

import pytest

from msa.lint.domain import a_label, is_mixed, is_reserved, is_twin, meant, u_label


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmial.con", "gmail.com"),
        ("hotmial.co.uk", "hotmail.co.uk"),
        ("outlok.com", "outlook.com"),
        ("yahooo.fr", "yahoo.fr"),
        ("icoud.com", "icloud.com"),
        ("comcst.net", "comcast.net"),
        ("t-onlin.de", "t-online.de"),
    ],
)
def test_a_slip_of_one_letter_is_told(domain: str, provider: str) -> None:
    assert meant(domain) == provider


@pytest.mark.parametrize(
    "domain",
    [
        *("gmail.com", "mail.com", "email.com", "ymail.com", "cloud.com", "yahoo.com.ph"),
        *("hotmail.ch", "gmlai.com", "gmial.example.org", "verizon.com", "gmail", "x" * 300, ""),
    ],
)
def test_what_may_well_be_meant_is_left_alone(domain: str) -> None:
    assert meant(domain) is None


@pytest.mark.parametrize("label", ["pаypal", "gοοgle", "ひらไทย", "москвa", "абγ"])  # noqa: RUF001
def test_scripts_that_no_language_mixes_are_told(label: str) -> None:
    assert is_mixed(label)


@pytest.mark.parametrize(
    "label", ["müller", "москва", "日本jp", "abcですカー", "한국kr", "ελλάδα", "a1-2", "7", ""]
)
def test_one_script_or_latin_beside_east_asian_ones_is_fine(label: str) -> None:
    assert not is_mixed(label)


def test_a_label_that_only_looks_latin_is_a_twin() -> None:
    assert is_twin("аррӏе")  # noqa: RUF001
    assert not is_twin("apple")
    assert not is_twin("яблоко")
    assert not is_twin("123")


@pytest.mark.parametrize(
    "name", ["x.test", "a.b.local", "example", "mail.example.org", "LOCALHOST"]
)
def test_a_reserved_name_reaches_nobody(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["test.com", "contest", "example.de", "myexample.com", "local.fr"])
def test_a_name_that_only_resembles_a_reserved_one_is_fine(name: str) -> None:
    assert not is_reserved(name)


def test_a_domain_has_two_spellings() -> None:
    assert a_label("Müller.example") == "xn--mller-kva.example"
    assert u_label("XN--mller-kva.example") == "müller.example"


@pytest.mark.parametrize("domain", ["☃.example", "a..müller", "ü" * 64, "ü" * 9_000, "\udce9.x"])
def test_a_name_that_idna_does_not_know_has_no_other_spelling(domain: str) -> None:
    assert a_label(domain) is None


@pytest.mark.parametrize("domain", ["xn--zzzzzz.example", "☃.example", "xn--a" * 60, "ü" * 9_000])
def test_a_broken_disguise_has_no_letters_of_its_own(domain: str) -> None:
    assert u_label(domain) is None
