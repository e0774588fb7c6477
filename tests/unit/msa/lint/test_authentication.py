"""What the AUT rules make of facts that no corpus message can carry."""

from datetime import UTC, datetime

import pytest

from msa.auth.dkim import Result, Verdict
from msa.auth.dmarc import discover
from msa.auth.spf import Outcome
from msa.auth.spf import Result as SpfResult
from msa.envelope import Envelope, Recipient
from msa.lint import Draft, Finding, LintOptions, Severity, inspect
from msa.lint.facts import Facts
from msa.lint.gather import Gatherer
from tests.unit.msa.auth.records import FAILS, Records, rsa_key
from tests.unit.msa.auth.test_dkim import MESSAGE, sign, zone

SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=%b; s=2025; h=from; t=1; x=1763953000;\r\n"
    b" bh=c2ln; b=c2ln\r\n"
)


def found(
    content: bytes, facts: Facts, *codes: str, reverse_path: str | None = None
) -> list[Finding]:
    envelope = None
    if reverse_path is not None:
        recipients = (Recipient("ada@example.org"),)
        envelope = Envelope(reverse_path=reverse_path, recipients=recipients)
    draft = Draft(content, envelope, profile="prod", facts=facts)
    return list(inspect(draft, LintOptions(profile="prod", select=codes)))


def test_a_signature_that_expired_before_submission_is_an_error() -> None:
    content = SIGNATURE % b"acme.example" + MESSAGE
    expires_at = datetime.fromtimestamp(1763953000, UTC)

    assert found(content, Facts(received_at=expires_at), "AUT003") == []
    late = found(content, Facts(received_at=expires_at.replace(year=2027)), "AUT003")
    assert [one.severity for one in late] == [Severity.ERROR]
    assert "expired (x=1763953000)" in late[0].text


def test_without_facts_the_rules_about_dns_are_silent() -> None:
    content = SIGNATURE % b"acme.example" + MESSAGE

    assert found(content, Facts(), "AUT002", "AUT005", "AUT006", "ADR009") == []


@pytest.mark.parametrize(
    ("signer", "aligned"), [("acme.example", True), ("mail.acme.example", False)]
)
def test_strict_alignment_wants_the_very_domain(signer: str, aligned: bool) -> None:
    names = {"_dmarc.acme.example": {"TXT": ["v=DMARC1; p=reject; adkim=s"]}}
    facts = Facts(dmarc=discover("acme.example", Records(names)))

    findings = found(SIGNATURE % signer.encode() + MESSAGE, facts, "AUT004")

    assert (findings == []) == aligned


def test_an_organisation_is_what_the_walk_found() -> None:
    names = {
        "_dmarc.acme.example": {"TXT": ["v=DMARC1; p=none"]},
        "_dmarc.own.acme.example": {"TXT": ["v=DMARC1; p=none; psd=n"]},
    }
    facts = Facts(
        dmarc=discover("acme.example", Records(names)),
        organisations={"own.acme.example": "own.acme.example"},
    )

    assert found(SIGNATURE % b"own.acme.example" + MESSAGE, facts, "AUT004") != []
    assert found(SIGNATURE % b"own.acme.example" + MESSAGE, Facts(), "AUT004") == []


def test_a_null_reverse_path_alone_says_nothing_of_alignment() -> None:
    assert found(MESSAGE, Facts(), "AUT004", reverse_path="") == []


def test_a_key_that_could_not_be_looked_up_is_for_information() -> None:
    facts = Facts(dkim=(Verdict(Result.TEMPERROR, "the key could not be looked up"),))

    [finding] = found(SIGNATURE % b"acme.example" + MESSAGE, facts, "AUT002")

    assert finding.severity is Severity.INFO


def test_silence_about_policies_is_for_information() -> None:
    facts = Facts(
        dmarc=discover("acme.example", Records({"_dmarc.acme.example": FAILS})),
        spf=Outcome(SpfResult.TEMPERROR, "it could not be looked up"),
        spf_domain="acme.example",
    )

    severities = [one.severity for one in found(MESSAGE, facts, "AUT005", "AUT006")]

    assert severities == [Severity.INFO, Severity.INFO]


def test_a_file_with_unix_line_ends_verifies_as_it_will_travel() -> None:
    draft = Draft(sign().replace(b"\r\n", b"\n"))

    Gatherer(zone()).add_to(draft)

    assert draft.facts.dkim == (Verdict(Result.PASS, "", 2048),)


def test_a_batch_asks_for_a_name_once() -> None:
    resolver = Records(
        {
            "2025._domainkey.acme.example": {"TXT": [f"p={rsa_key()[1]}"]},
            "acme.example": {"TXT": ["v=spf1 -all"], "MX": [(10, "mx.acme.example")]},
            "_dmarc.acme.example": {"TXT": ["v=DMARC1; p=reject"]},
            "example.org": {"MX": [(10, "mx.example.org")]},
        }
    )
    gatherer = Gatherer(resolver)

    gatherer.add_to(Draft(sign()))
    asked = len(resolver.asked)
    gatherer.add_to(Draft(sign()))

    assert 0 < asked == len(resolver.asked)


def test_look_ups_end_with_their_time() -> None:
    resolver = Records({})
    ticks = iter(range(1_000))
    draft = Draft(sign())

    Gatherer(resolver, clock=lambda: float(next(ticks))).add_to(draft, 2.0)

    assert len(resolver.asked) <= 2
    assert draft.facts.dmarc is not None
    assert not draft.facts.dmarc.is_certain
