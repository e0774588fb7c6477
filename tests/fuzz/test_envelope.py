"""Whatever a record holds, it is read, identified and prepared to one of four outcomes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.event import Event, EventRef, Record, Tombstone, Unusable
from bridge.formats import identify, read_event
from bridge.pipeline import House, Prepared, prepare
from bridge.rendering.catalogue import Catalogue
from bridge.rendering.plaintext import html_to_text

SHELF = Catalogue(Path(__file__).parents[2] / "templates").shelf
HOUSE = House(domain="sandbox.test", sender="no-reply@sandbox.test")
NOW = datetime(2026, 11, 24, tzinfo=UTC)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
WORDS = (
    "type event id uuid content timestamp data data_base64 payload source specversion to email "
    "user customer name order items number total shipment code reset_url request at price quantity"
)
names = st.sampled_from(WORDS.split())
types = st.sampled_from(sorted(SHELF.templates)) | st.text(max_size=10)
addresses = st.sampled_from(["ada@example.org", "Ada <ada@example.org>", "žofie@example.org"])
documents = st.builds(
    lambda tree, kind, to: {**tree, "type": kind, "to": to},
    st.dictionaries(names, st.deferred(lambda: values | trees), max_size=8),
    types,
    addresses | values,
)
trees: st.SearchStrategy[Any] = st.dictionaries(names, values, max_size=6)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            ["content-type", "ce_id", "ce_source", "ce_type", "ce_specversion", "ce_x", "other"]
        ),
        st.binary(max_size=12)
        | st.sampled_from([b"application/cloudevents+json", b"application/json", b"1.0"]),
    ),
    max_size=6,
).map(tuple)


def written(document: Any) -> bytes:
    return json.dumps(document).encode("utf-8", "surrogatepass")


octets = st.none() | st.binary(max_size=200) | values.map(written) | documents.map(written)
records = st.builds(
    Record,
    st.builds(EventRef, st.just("t"), st.just(0), st.integers(0, 9), st.just(0)),
    st.none() | st.binary(max_size=5),
    octets,
    headers,
)


@settings(max_examples=400, deadline=None)
@given(records)
def test_any_record_is_read_and_identified(record: Record) -> None:
    found = read_event(record)
    identified = identify(record)

    assert isinstance(found, Event | Tombstone | Unusable)
    assert (record.value is None) == isinstance(found, Tombstone)
    assert 0 < len(identified.identity) <= 64
    assert identified.identity.isascii()
    if isinstance(found, Unusable):
        assert len(found.detail.splitlines()) == 1
        assert len(found.detail) < 400


@settings(max_examples=300, deadline=None)
@given(records)
def test_any_record_makes_mail_or_says_why_not(record: Record) -> None:
    made = prepare(record, identify(record).identity, shelf=SHELF, house=HOUSE, now=NOW)

    assert isinstance(made, Prepared | Tombstone | Unusable)
    if isinstance(made, Unusable):
        assert len(made.detail.splitlines()) == 1
    if isinstance(made, Prepared):
        for outgoing in made.messages:
            header, _, body = outgoing.content.partition(b"\r\n\r\n")
            assert header.count(b"\r\nSubject: ") == 1
            assert b"\r\nBcc" not in header
            assert max(map(len, outgoing.content.split(b"\r\n"))) <= 998
            assert outgoing.content.count(b"\n") == outgoing.content.count(b"\r\n")
            assert body


MARKUP = "<p>|<a href=x>|</a>|</p>|<td>|<style>|</style>|&|&#0;|<!--|x|<br>|<li>"
PIECES = MARKUP.split("|")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_html_has_a_text(html: str) -> None:
    text = html_to_text(html)

    assert text.endswith("\n")
    assert not text.startswith("\n\n")
