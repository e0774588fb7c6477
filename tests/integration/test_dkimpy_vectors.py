"""Signed messages that dkimpy's source carries, made by dkimpy, Exim and OpenDKIM."""

from pathlib import Path

import pytest

from msa.auth.dkim import Result, verify
from tests.published import source_of
from tests.unit.msa.auth.records import Records
from tests.unit.msa.auth.test_dkim import signed_of

pytestmark = pytest.mark.slow

OF_RFC_8463 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def data() -> Path:
    return source_of("dkimpy==1.1.8") / "dkim" / "tests" / "data"


def results(name: str, keys: dict[str, str]) -> list[Result]:
    content = (data() / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    signed = signed_of(content)
    resolver = Records({name: {"TXT": [text]} for name, text in keys.items()})
    lines = [line for line in signed.lines if line.name == "dkim-signature"]
    return [verify(signed, line, resolver).result for line in lines]


def test_the_two_signatures_of_one_message_verify() -> None:
    keys = {
        "brisbane._domainkey.football.example.com": OF_RFC_8463,
        "test._domainkey.football.example.com": (data() / "test.txt").read_text().strip(),
    }

    assert results("rfc6376.signed.msg", keys) == [Result.PASS, Result.PASS]
    assert results("rfc6376.signed.rsa.msg", keys) == [Result.PASS]
    assert results("rfc6376.signed.no_t.msg", keys) == [Result.FAIL]  # t= was taken out of it


def test_a_signature_of_exim_verifies() -> None:
    keys = {"sed._domainkey.test.ex": (data() / "eximtest.dns").read_text().strip()}

    assert results("ed25519test2.msg", keys) == [Result.PASS]


@pytest.mark.parametrize("name", ["badversion.txt", "badk.txt", "test_bad.txt"])
def test_a_bad_key_is_a_permanent_error(name: str) -> None:
    text = (data() / name).read_text().strip()
    keys = {"test._domainkey.football.example.com": text}

    assert results("rfc6376.signed.rsa.msg", keys) == [Result.PERMERROR]
