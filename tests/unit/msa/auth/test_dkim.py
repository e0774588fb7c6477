"""DKIM: what dkimpy signs we verify, and where the two verifiers must agree."""

import re
from collections.abc import Callable

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msa.auth.canonical import Line
from msa.auth.dkim import Result, Signed, Verdict, verify
from msa.auth.resolver import Resolver
from msa.message.tree import parse
from tests.unit.msa.auth.records import FAILS, Records, ed25519_key, rsa_key

FIELDS = [b"from", b"to", b"subject", b"date"]
MESSAGE = (
    b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\nFrom: Acme <shop@acme.example>\r\n"
    b"To: ada@example.org\r\nSubject: Your  order\r\n is here\r\n\r\n"
    b"Hello  Ada, \r\n\r\nyour order\tis on its way.\r\n\r\n\r\n"
)


def sign(message: bytes = MESSAGE, **choices: object) -> bytes:
    given: dict[str, object] = {"include_headers": FIELDS, **choices}
    key = given.pop("key", rsa_key()[0])
    signature: bytes = dkimpy.sign(message, b"2025", b"acme.example", key, **given)
    return signature + message


def zone(record: str | None = None) -> Records:
    text = f"v=DKIM1; k=rsa; p={rsa_key()[1]}" if record is None else record
    return Records({"2025._domainkey.acme.example": {"TXT": [text]}})


def signed_of(content: bytes) -> Signed:
    root = parse(content).root
    lines = [Line(each.name.lower(), content[each.start : each.value_end]) for each in root.fields]
    return Signed(lines, content[root.body.start :])


def verdict_on(content: bytes, resolver: Resolver | None = None) -> Verdict:
    signed = signed_of(content)
    line = next(line for line in signed.lines if line.name == "dkim-signature")
    return verify(signed, line, resolver or zone())


@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
def test_what_another_signs_verifies(header: bytes, body: bytes) -> None:
    verdict = verdict_on(sign(canonicalize=(header, body)))

    assert verdict == Verdict(Result.PASS, "", 2048, False)


def test_an_ed25519_signature_verifies() -> None:
    private, public = ed25519_key()
    content = sign(key=private, signature_algorithm=b"ed25519-sha256")

    assert verdict_on(content, zone(f"k=ed25519; p={public}")).result is Result.PASS


def test_a_signature_over_part_of_the_body_verifies_what_it_covers() -> None:
    content = sign(length=True)

    assert verdict_on(content + b"appended\r\n").result is Result.PASS
    assert verdict_on(content.replace(b"Ada, ", b"Bob, ")).result is Result.FAIL


def test_a_length_over_the_body_fails() -> None:
    content = sign(length=True)[: -len(b"is on its way.\r\n\r\n\r\n")]

    assert "is more than the body's" in verdict_on(content).reason


def test_a_changed_body_and_a_changed_field_are_told_apart() -> None:
    content = sign()

    changed = verdict_on(content.replace(b"on its way", b"lost"))
    assert changed.reason == "the body was changed after it was signed (bh= does not match)"
    other = verdict_on(content.replace(b"Subject: Your", b"Subject: Our"))
    assert other.reason == "the signature does not match the signed fields"


def test_a_second_from_field_breaks_an_oversigned_message() -> None:
    content = sign(include_headers=[*FIELDS, b"from"])

    assert verdict_on(content).result is Result.PASS
    assert verdict_on(b"From: eve@evil.example\r\n" + content).result is Result.FAIL


def test_without_oversigning_a_second_from_field_passes_as_the_rfc_says() -> None:
    assert verdict_on(b"From: eve@evil.example\r\n" + sign()).result is Result.PASS


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=DKIM1; p=", "is revoked"),
        ("v=DKIM2; p={key}", 'its version is v="DKIM2"'),
        ("v=DKIM1; k=ed25519; p={key}", 'it is of k="ed25519", the signature of rsa'),
        ("v=DKIM1; h=sha1; p={key}", 'it allows only h="sha1"'),
        ("v=DKIM1; s=tlsrpt; p={key}", "and not for mail"),
        ("v=DKIM1; p=AAAA", "is no rsa key"),
        ("v=DKIM1; p=!!", "is no base64"),
        ("v=DKIM1; k=rsa", "it has no p="),
        ("v=DKIM1; p={key}; p={key}", 'the tag "p" stands twice'),
    ],
)
def test_a_key_that_cannot_be_used_is_a_permanent_error(record: str, reason: str) -> None:
    verdict = verdict_on(sign(), zone(record.replace("{key}", rsa_key()[1])))

    assert verdict.result is Result.PERMERROR
    assert reason in verdict.reason


def test_a_key_that_is_not_there_is_permanent_and_silence_is_not() -> None:
    silent = Records({"2025._domainkey.acme.example": FAILS})

    assert verdict_on(sign(), Records({})).result is Result.PERMERROR
    assert verdict_on(sign(), silent).result is Result.TEMPERROR


def test_a_key_in_testing_says_so() -> None:
    assert verdict_on(sign(), zone(f"t=y; p={rsa_key()[1]}")).testing


def test_a_short_key_passes_with_its_size_and_a_shorter_one_does_not() -> None:
    private, public = rsa_key(1024)

    verdict = verdict_on(sign(key=private), zone(f"p={public}"))
    assert (verdict.result, verdict.key_bits) == (Result.PASS, 1024)
    # 512 bits, which RFC 8301 rules out.
    short = (
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANmBe10IgY+u7h3enWTukkqtUD5PR52Tb/mPfjC0QJTocVBq6Za/"
        "PlzfV+Py92VaCak19F4WrbVTK5Gg5tW220MCAwEAAQ=="
    )
    assert verdict_on(sign(), zone(f"p={short}")).result is Result.PERMERROR


def test_a_key_for_the_exact_domain_takes_no_subdomain() -> None:
    content = sign(identity=b"@news.acme.example")

    assert verdict_on(content).result is Result.PASS
    verdict = verdict_on(content, zone(f"t=s; p={rsa_key()[1]}"))
    assert "allows no subdomain in i= (t=s)" in verdict.reason


CHANGES: list[Callable[[bytes], bytes]] = [
    lambda content: content,
    lambda content: content.replace(b"Hello  Ada", b"Hello Ada"),
    lambda content: content.replace(b"way.", b"way. "),
    lambda content: content + b"\r\n",
    lambda content: content + b"x",
    lambda content: content.replace(b"Subject: ", b"SUBJECT:\t "),
    lambda content: content.replace(b"\r\n is here", b" is here"),
    lambda content: re.sub(rb"(?m)^To: .*\r\n", b"", content),
    lambda content: b"To: eve@evil.example\r\n" + content,
    lambda content: content.replace(b"b=", b"b= "),
    lambda content: content.replace(b"; s=2025", b";s=2025"),
    lambda content: content.replace(b"a=rsa-sha256", b"a=rsa-sha1"),
    lambda content: content.replace(b"h=from", b"h=to"),
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"simple", b"relaxed"]),
    st.sampled_from([b"simple", b"relaxed"]),
    st.lists(st.sampled_from(CHANGES), max_size=2),
    st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b".", b"\xc3\xa9"]), max_size=20),
)
def test_another_verifier_comes_to_the_same_verdict(
    header: bytes, body: bytes, changes: list[Callable[[bytes], bytes]], tail: list[bytes]
) -> None:
    content = sign(MESSAGE + b"".join(tail) + b"\r\n", canonicalize=(header, body))
    for change in changes:
        content = change(content)
    record = f"v=DKIM1; k=rsa; p={rsa_key()[1]}".encode()

    theirs = dkimpy.verify(content, dnsfunc=lambda name, timeout=5: record)

    assert (verdict_on(content).result is Result.PASS) == theirs


def test_the_keys_of_rfc_8463_belong_together() -> None:
    """The pair of its section A.2."""
    public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    private = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    content = sign(key=private, signature_algorithm=b"ed25519-sha256")

    assert verdict_on(content, zone(f"v=DKIM1; k=ed25519; p={public}")).result is Result.PASS
