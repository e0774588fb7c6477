"""Whatever a message holds and DNS answers: no evaluator raises, and each stays bounded."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from msa.auth import dmarc, spf
from msa.auth.arc import NAMES, read_chain
from msa.auth.canonical import Line, body, field, unsigned
from msa.auth.dkim import Signed, verify
from msa.auth.resolver import Addresses, Exchangers, Names, Status, Texts
from msa.auth.signature import Kind, read_signature
from msa.auth.tags import read_tags
from msa.envelope import Envelope
from msa.lint import Draft, inspect
from msa.lint.gather import MAX_LOOK_UPS, Gatherer

CORPUS = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[1] / "corpus").glob("A*/*.eml"))
    if path.stat().st_size < 4_000
]
TAG = st.sampled_from(
    [
        *("v=1", "a=rsa-sha256", "a=ed25519-sha256", "d=acme.example", "s=2025", "h=from:to"),
        *("bh=c2ln", "b=c2ln", "l=10", "l=-1", "x=1", "t=2", "i=1", "i=@acme.example", "cv=none"),
        *("c=simple", "c=relaxed/simple", "c=/", "p=", "k=rsa", "v=DKIM1", "=", "a", "d=\udcff"),
    ]
)
TERM = st.sampled_from(
    [
        *("v=spf1", "v=DMARC1;", "v=DKIM1;", "-all", "?all", "a", "mx", "ptr", "mx/24//64", "a//"),
        *("include:acme.example", "redirect=acme.example", "exists:%{ir}.%{d2}.x", "a:%{S}"),
        *("ip4:192.0.2.0/24", "ip6:::/0", "ip6:%", "exp=%{c}", "%", "%%", "%{d0}", "p=reject;"),
        *("psd=y;", "psd=n;", "rua=mailto:a@b.example;", "pct=1;", "sp=x;", "np=none;", "t=y"),
    ]
)
TEXTS = st.lists(TERM | st.text(max_size=8), max_size=12).map(" ".join)
STATUS = st.sampled_from(Status)
HOST = st.sampled_from(["", "acme.example", "mx.acme.example", "a" * 70, "..", "\x00"])


class Hostile:
    """A resolver whose answers are drawn, and which counts the questions."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.asked = 0

    def _records(self, one: st.SearchStrategy[Any]) -> tuple[Status, Sequence[Any]]:
        self.asked += 1
        status = self._data.draw(STATUS)
        if status is not Status.FOUND:
            return status, ()
        return status, self._data.draw(st.lists(one, min_size=1, max_size=3))

    def txt(self, name: str) -> Texts:
        assert 0 < len(name) < 254 + 80
        status, found = self._records(TEXTS)
        return Texts(status, tuple(text.encode("utf-8", "replace") for text in found))

    def mx(self, name: str) -> Exchangers:
        status, found = self._records(st.tuples(st.integers(0, 65_535), HOST))
        return Exchangers(status, tuple(found))

    def a(self, name: str) -> Addresses:
        status, found = self._records(st.ip_addresses(v=4))
        return Addresses(status, tuple(found))

    def aaaa(self, name: str) -> Addresses:
        status, found = self._records(st.ip_addresses(v=6))
        return Addresses(status, tuple(found))

    def ptr(self, address: IPv4Address | IPv6Address) -> Names:
        status, found = self._records(HOST)
        return Names(status, tuple(found))


@settings(max_examples=200, deadline=None)
@given(
    st.data(),
    st.sampled_from(["acme.example", "a.b.acme.example", "", "x", "\udcff.x"]),
    st.none() | st.sampled_from(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"]),
)
def test_spf_ends_after_its_look_ups(data: st.DataObject, domain: str, host: str | None) -> None:
    resolver = Hostile(data)

    if host is None:
        outcome = spf.analyse(domain, resolver)
    else:
        sender = f"ada@{domain}"
        outcome = spf.check_host(ip_address(host), domain, sender, "helo.example", resolver)

    assert outcome.look_ups <= spf.MAX_LOOK_UPS + 1
    # A term asks for its own records, and for those of at most ten exchangers or names.
    assert resolver.asked <= 1 + 13 * (spf.MAX_LOOK_UPS + 1) * 2


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_dmarc_ends_after_eight_steps(data: st.DataObject, labels: list[str]) -> None:
    resolver = Hostile(data)

    found = dmarc.discover(".".join(labels), resolver)

    assert resolver.asked <= dmarc.MAX_LABELS + 3
    assert ".".join(labels).endswith(found.organisation)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(TAG | st.text(max_size=6), max_size=14).map("; ".join), st.binary())
def test_no_signature_field_raises(data: st.DataObject, tags: str, octets: bytes) -> None:
    value = tags.encode("utf-8", "replace")
    read_tags(tags)
    for kind in Kind:
        reading = read_signature(value, kind)
        assert (reading.signature is None) == any(each.fatal for each in reading.troubles)
    line = Line("dkim-signature", b"DKIM-Signature: " + value)
    verify(Signed([line, Line("from", b"From: x")], octets), line, Hostile(data))
    read_chain([Line(name, name.encode() + b": " + value) for name in sorted(NAMES)])


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"x"]), max_size=30))
def test_canonical_forms_are_stable(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    for form in ("simple", "relaxed"):
        once = body(octets, form)
        assert body(once, form) == once
    line = Line("subject", b"Subject:" + b" ".join(octets.split()).replace(b"x", b"x\r\n "))
    once = field(line, "relaxed")
    assert field(Line("subject", once), "relaxed") == once
    assert unsigned(unsigned(line)) == unsigned(line)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(CORPUS), st.booleans())
def test_facts_are_gathered_whatever_dns_answers(
    data: st.DataObject, content: bytes, enveloped: bool
) -> None:
    at = data.draw(st.integers(0, len(content)))
    content = content[:at] + data.draw(st.binary(max_size=4)) + content[at:]
    envelope = Envelope(reverse_path="b@acme.example", recipients=()) if enveloped else None
    draft = Draft(content, envelope, profile="prod")
    resolver = Hostile(data)
    seconds = count()

    Gatherer(resolver, clock=lambda: next(seconds) / 10).add_to(draft)

    assert draft.facts.dkim is not None, "the gathering failed"
    assert resolver.asked <= MAX_LOOK_UPS
    for finding in inspect(draft):
        assert finding.offset is None or 0 <= finding.offset <= len(content)
