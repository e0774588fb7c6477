"""DMARC: records read, and found by the walk of RFC 9989."""

import pytest

from msa.auth.dmarc import Record, discover, organisation_of, read_record
from tests.unit.msa.auth.records import FAILS, Records

REJECT = {"TXT": ["v=DMARC1; p=reject; sp=quarantine; np=none"]}


def test_a_record_is_read_with_its_defaults() -> None:
    assert read_record("v=DMARC1; p=quarantine") == Record("quarantine", "quarantine", "quarantine")


def test_policies_of_subdomains_fall_back_in_order() -> None:
    record = read_record("v=DMARC1;p=none; sp=reject")

    assert isinstance(record, Record)
    assert (record.policy, record.subdomains, record.missing) == ("none", "reject", "reject")


@pytest.mark.parametrize("tag", ["pct=50", "rf=afrf", "ri=86400"])
def test_a_removed_tag_is_told(tag: str) -> None:
    record = read_record(f"v=DMARC1; p=none; {tag}")

    assert isinstance(record, Record)
    assert record.troubles == (f"{tag.partition('=')[0]}= was removed in RFC 9989",)


@pytest.mark.parametrize(
    ("tag", "trouble"),
    [
        ("rua=dmarc@acme.example", 'rua= holds "dmarc@acme.example", no mailto: address'),
        ("ruf=mailto:a@b.example!10m", "the size limit in ruf= was removed in RFC 9989"),
        ("adkim=x", 'adkim="x" is none of r, s'),
        ("t=maybe", 't="maybe" is none of y, n'),
        ("fo=9", 'fo="9" is none of 0, 1, d, s'),
        ("colour=red", 'the tag "colour" is unknown'),
    ],
)
def test_a_tag_that_receivers_ignore_is_told(tag: str, trouble: str) -> None:
    record = read_record(f"v=DMARC1; p=none; {tag}")

    assert isinstance(record, Record)
    assert record.troubles == (trouble,)


def test_a_bad_policy_ends_it_unless_reports_are_asked_for() -> None:
    assert read_record("v=DMARC1; p=refuse") == 'p="refuse" is no policy'
    assert read_record("v=DMARC1; rua=x") == "it has no p="
    record = read_record("v=DMARC1; p=refuse; rua=mailto:dmarc@acme.example")
    assert isinstance(record, Record)
    assert (record.policy, record.troubles) == ("none", ('p="refuse" is no policy',))


def test_the_walk_skips_to_seven_labels_and_ends_at_the_top() -> None:
    resolver = Records({})

    found = discover("a.b.c.d.e.f.g.h.i.j.mail.example.com", resolver)

    assert found.organisation == "a.b.c.d.e.f.g.h.i.j.mail.example.com"
    assert resolver.asked == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com",
        "_dmarc.i.j.mail.example.com",
        "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com",
        "_dmarc.example.com",
        "_dmarc.com",
    ]


def test_the_policy_of_a_subdomain_comes_from_the_organisation() -> None:
    names = {"_dmarc.acme.example": REJECT, "news.acme.example": {"MX": [(10, "mx")]}}

    there = discover("news.acme.example", Records(names))
    missing = discover("typo.acme.example", Records(names))

    assert (there.organisation, there.domain, there.policy) == (
        *("acme.example", "acme.example", "quarantine"),
    )
    assert missing.policy == "none"
    assert discover("acme.example", Records(names)).policy == "reject"


def test_the_highest_record_makes_the_organisation_unless_one_says_otherwise() -> None:
    names = {
        "_dmarc.a.acme.example": {"TXT": ["v=DMARC1; p=none"]},
        "_dmarc.acme.example": REJECT,
        "_dmarc.own.acme.example": {"TXT": ["v=DMARC1; p=none; psd=n"]},
        "_dmarc.bank": {"TXT": ["v=DMARC1; p=reject; psd=y"]},
    }

    assert organisation_of("x.a.acme.example", Records(names)) == "acme.example"
    assert organisation_of("x.own.acme.example", Records(names)) == "own.acme.example"
    assert organisation_of("mail.acme.bank", Records(names)) == "acme.bank"


def test_a_public_suffix_has_the_policy_where_nobody_below_has_one() -> None:
    names = {"_dmarc.bank": {"TXT": ["v=DMARC1; p=reject; psd=y"]}}

    found = discover("mail.acme.bank", Records(names))

    assert (found.organisation, found.domain, found.policy) == ("acme.bank", "bank", "reject")


def test_two_records_count_as_none() -> None:
    names = {"_dmarc.acme.example": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}}

    found = discover("acme.example", Records(names))

    assert found.record is None
    assert found.trouble.endswith("there are 2 of them")


def test_other_texts_beside_the_record_do_not_matter() -> None:
    names = {"_dmarc.acme.example": {"TXT": ["v=spf1 -all", "v = DMARC1 ; p=none"]}}

    assert discover("acme.example", Records(names)).policy == "none"


def test_a_look_up_that_fails_makes_it_uncertain() -> None:
    found = discover("acme.example", Records({"_dmarc.acme.example": FAILS}))

    assert (found.record, found.is_certain) == (None, False)
