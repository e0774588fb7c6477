"""ARC: chains that dkimpy seals, and what breaks them."""

import dkim as dkimpy
import pytest

from msa.auth.arc import read_chain, verify_chain
from msa.auth.canonical import Line
from msa.auth.dkim import Result, Verdict
from tests.unit.msa.auth.records import Records, rsa_key
from tests.unit.msa.auth.test_dkim import MESSAGE, signed_of, zone


def dns(name: bytes, timeout: int = 5) -> bytes:
    return f"v=DKIM1; k=rsa; p={rsa_key()[1]}".encode()


def sealed(content: bytes, hops: int = 1) -> bytes:
    """Let intermediaries seal a message, one after the other."""
    for hop in range(hops):
        chain = "none" if hop == 0 else "pass"
        results = f"Authentication-Results: mx.acme.example; arc={chain}; spf=pass\r\n".encode()
        fields = dkimpy.arc_sign(
            results + content,
            b"2025",
            b"acme.example",
            rsa_key()[0],
            b"mx.acme.example",
            include_headers=[b"from", b"to", b"subject", b"date"],
        )
        content = b"".join(fields) + content
    return content


def verdict_on(content: bytes, resolver: Records | None = None) -> Verdict | None:
    return verify_chain(signed_of(content), resolver or zone())


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_chain_that_another_seals_verifies(hops: int) -> None:
    content = sealed(MESSAGE, hops)

    verdict = verdict_on(content)

    assert verdict is not None
    assert (verdict.result, verdict.reason) == (Result.PASS, "")


def test_without_arc_there_is_no_verdict() -> None:
    assert verdict_on(MESSAGE) is None


def test_a_changed_body_breaks_the_newest_message_signature() -> None:
    verdict = verdict_on(sealed(MESSAGE, 2).replace(b"on its way", b"lost"))

    assert verdict is not None
    assert "the body was changed" in verdict.reason


def test_a_changed_older_result_breaks_the_seals_over_it() -> None:
    content = sealed(MESSAGE, 2)
    at = content.rfind(b"spf=pass")

    verdict = verdict_on(content[:at] + b"spf=fail" + content[at + 8 :])

    assert verdict == Verdict(Result.FAIL, "the seal i=2 does not match", 2048, False)
    assert dkimpy.arc_verify(content, dnsfunc=dns)[0] == b"pass"


def test_a_key_that_is_gone_breaks_the_chain() -> None:
    verdict = verdict_on(sealed(MESSAGE), Records({}))

    assert verdict is not None
    assert verdict.result is Result.PERMERROR


def lines(*fields: str) -> list[Line]:
    return [Line(field.partition(":")[0].lower(), field.encode()) for field in fields]


def one_set(number: int | str, chain: str) -> list[str]:
    common = f"i={number}; a=rsa-sha256; d=acme.example; s=2025; b=c2ln"
    return [
        f"ARC-Authentication-Results: i={number}; mx.acme.example; none",
        f"ARC-Message-Signature: {common}; bh=c2ln; h=from",
        f"ARC-Seal: {common}; cv={chain}",
    ]


@pytest.mark.parametrize(
    ("fields", "trouble"),
    [
        (one_set(1, "pass"), "the seal i=1 says cv=pass and not cv=none"),
        ([*one_set(1, "none"), *one_set(2, "none")], "the seal i=2 says cv=none and not cv=pass"),
        ([*one_set(1, "none"), *one_set(2, "fail")], "the seal i=2 says cv=fail and not cv=pass"),
        ([*one_set(1, "none"), *one_set(1, "none")], "there are two of i=1"),
        ([*one_set(1, "none"), *one_set(3, "pass")], "the sets are not complete"),
        (one_set(1, "none")[:2], "the sets are not complete"),
        (one_set(0, "none"), "its i= can't be read"),
        (one_set(51, "none"), "its i= can't be read"),
        (one_set(1, "maybe"), 'cv="maybe" is neither none nor pass nor fail'),
    ],
)
def test_fields_that_are_no_chain_are_told(fields: list[str], trouble: str) -> None:
    chain = read_chain(lines(*fields))

    assert trouble in chain.trouble
    assert chain.at is not None


def test_fifty_sets_are_a_chain_and_more_are_not() -> None:
    fifty = [field for n in range(1, 51) for field in one_set(n, "none" if n == 1 else "pass")]

    assert len(read_chain(lines(*fifty)).sets) == 50
    assert "more than 50 sets" in read_chain(lines(*fifty, *one_set(1, "none"))).trouble
