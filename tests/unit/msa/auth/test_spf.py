"""SPF: the analysis of a record for no host in particular, and its bounds."""

import pytest

from msa.auth.spf import Outcome, Result, analyse
from tests.unit.msa.auth.records import FAILS, Records


def analysed(*records: str) -> Outcome:
    return analyse("acme.example", Records({"acme.example": {"TXT": records}}))


def test_a_sound_record_ends_with_what_it_says_of_strangers() -> None:
    outcome = analysed("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all")

    assert (outcome.result, outcome.look_ups) == (Result.SOFTFAIL, 0)


def test_without_a_record_it_is_none() -> None:
    outcome = analysed("some other text")

    assert (outcome.result, outcome.reason) == (Result.NONE, "acme.example has no SPF record")


def test_two_records_are_an_error() -> None:
    outcome = analysed("v=spf1 -all", "V=SPF1 ~all")

    assert (outcome.result, outcome.reason) == (Result.PERMERROR, "acme.example has 2 SPF records")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=spf1 ipv4:192.0.2.1 -all", 'in the record of acme.example "ipv4:192.0.2.1" is no'),
        ("v=spf1 ip4:192.0.2.300 -all", '"ip4:192.0.2.300" is no network'),
        ("v=spf1 ip4:192.0.2.0/33", '"ip4:192.0.2.0/33" is no network'),
        ("v=spf1 a/33", '"a/33": the prefix is too long'),
        ("v=spf1 include", '"include": include needs a domain'),
        ("v=spf1 redirect=a.example redirect=b.example", "redirect= stands twice"),
        ("v=spf1 exists:%{x}.example", '"exists:%{x}.example" has a broken macro'),
        ("v=spf1 a:example", '"a:example" names no domain'),
        ("v=spf1 -all:", '"-all:": all takes nothing'),
        ("v=spf1 é", "the record is not ASCII"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_with_its_word(record: str, reason: str) -> None:
    outcome = analysed(record)

    assert outcome.result is Result.PERMERROR
    assert reason in outcome.reason


def test_the_eleventh_look_up_is_an_error_however_deep() -> None:
    others = {f"i{n}.example": {"TXT": ["v=spf1 a:acme.example -all"]} for n in range(6)}
    record = "v=spf1 " + " ".join(f"include:i{n}.example" for n in range(6))
    zone = {"acme.example": {"TXT": [record], "A": ["192.0.2.1"]}, **others}

    outcome = analyse("acme.example", Records(zone))

    assert outcome.result is Result.PERMERROR
    assert outcome.reason == "the record needs more than 10 look-ups"


def test_a_record_that_includes_itself_ends() -> None:
    resolver = Records({"acme.example": {"TXT": ["v=spf1 include:acme.example -all"]}})

    assert analyse("acme.example", resolver).result is Result.PERMERROR
    assert len(resolver.asked) <= 12


def test_the_third_name_that_leads_nowhere_is_an_error() -> None:
    outcome = analysed("v=spf1 a:x.example a:y.example mx:z.example -all")

    assert (outcome.result, outcome.voids) == (Result.PERMERROR, 3)


def test_an_include_without_a_record_is_an_error() -> None:
    outcome = analysed("v=spf1 include:esp.example -all")

    assert outcome.reason == "it includes esp.example, which has no SPF record"


def test_what_depends_on_the_host_is_counted_and_not_asked() -> None:
    resolver = Records({"acme.example": {"TXT": ["v=spf1 exists:%{i}.x.example ptr -all"]}})

    outcome = analyse("acme.example", resolver)

    assert (outcome.result, outcome.look_ups) == (Result.FAIL, 2)
    assert resolver.asked == ["acme.example"]


def test_silence_is_a_temporary_error() -> None:
    zone = {"acme.example": {"TXT": ["v=spf1 mx:x.example -all"]}, "x.example": FAILS}

    assert analyse("acme.example", Records(zone)).result is Result.TEMPERROR
    assert analyse("x.example", Records(zone)).result is Result.TEMPERROR


@pytest.mark.parametrize("domain", ["", "localhost", "[192.0.2.1]", "a..example", "a" * 300])
def test_what_is_no_full_domain_has_no_record(domain: str) -> None:
    assert analyse(domain, Records({})).result is Result.NONE
