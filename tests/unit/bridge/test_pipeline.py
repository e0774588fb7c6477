"""A record in, messages or a reason out."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.event import Reason, Record, Tombstone, Unusable
from bridge.pipeline import House, Prepared, prepare, submission_key
from bridge.rendering.catalogue import Catalogue
from bridge.routing import TopicDefaults

Make = Callable[..., Record]
Folder = Callable[..., Path]

HOUSE = House(domain="sandbox.test", sender="Sandbox <no-reply@sandbox.test>")
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
TEMPLATES = {
    "hello/meta.toml": 'events = ["user.created"]\n[headers]\nX-Campaign = "{campaign}"\n',
    "hello/subject.j2": "Hello {{ name }}",
    "hello/body.txt.j2": "Dear {{ name }},\n{{ 10 // age }}\n",
    "plain/meta.toml": "",
    "plain/subject.j2": "Note",
    "plain/body.txt.j2": "{{ content }}",
    "broken/meta.toml": "",
    "broken/subject.j2": "{{",
    "broken/body.txt.j2": "",
}


def run(root: Path, record: Record, house: House = HOUSE) -> Prepared | Tombstone | Unusable:
    return prepare(record, "identity", shelf=Catalogue(root).shelf, house=house, now=NOW)


GOOD = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/shop",
    "type": "user.created",
    "data": {
        "to": "Ada <ada@example.org>",
        "name": "Ada",
        "age": 5,
        "campaign": "a\r\nb",
        "locale": "en-GB",
    },
}


def test_an_event_makes_a_message(folder: Folder, record: Make) -> None:
    made = run(folder(TEMPLATES), record(GOOD, offset=7))

    assert isinstance(made, Prepared), made
    [outgoing] = made.messages
    assert outgoing.reverse_path == "no-reply@sandbox.test"
    assert outgoing.forward_path == "ada@example.org"
    assert (outgoing.template, outgoing.locale) == ("hello", "en-GB")
    assert outgoing.message_id == f"<{outgoing.submission_key}.0@sandbox.test>"
    assert made.template.version == outgoing.template_version
    for field in (
        b"From: Sandbox <no-reply@sandbox.test>\r\n",
        b"To: Ada <ada@example.org>\r\n",
        b"Subject: Hello Ada\r\n",
        b"Date: Tue, 24 Nov 2026 09:30:00 +0000\r\n",
        b"X-Campaign: a b\r\n",
        b"X-Event-Id: e-1\r\n",
        b"X-Event-Type: user.created\r\n",
        b"X-Kafka-Position: shop/1@7\r\n",
        f"X-Template: hello@{outgoing.template_version}\r\n".encode(),
        b"Dear Ada,\r\n",
    ):
        assert field in outgoing.content


def test_a_list_makes_one_message_each(folder: Folder, record: Make) -> None:
    data = {**GOOD["data"], "to": ["ada@example.org", "bob@example.org"]}  # type: ignore[dict-item]  # GOOD is a mixed dict

    made = run(folder(TEMPLATES), record({**GOOD, "data": data}))

    assert isinstance(made, Prepared), made
    assert [m.forward_path for m in made.messages] == ["ada@example.org", "bob@example.org"]
    assert len({m.submission_key for m in made.messages}) == 2


def test_a_topic_has_a_template_and_a_recipient_for_prose(folder: Folder, record: Make) -> None:
    house = House(
        domain="sandbox.test",
        sender="no-reply@sandbox.test",
        topics={"shop": TopicDefaults("plain", "ops@example.org")},
    )

    made = run(folder(TEMPLATES), record({"uuid": "1", "content": "Disk full"}), house)

    assert isinstance(made, Prepared), made
    assert made.messages[0].forward_path == "ops@example.org"
    assert b"Disk full" in made.messages[0].content


def test_a_key_is_that_of_its_event_template_and_recipient() -> None:
    key = submission_key("i", "t", "ada@example.org")

    assert key == submission_key("i", "t", "ada@example.org")
    assert (
        len({key, submission_key("j", "t", "ada@example.org"), submission_key("i", "u", "a")}) == 3
    )
    assert len(key) <= 64
    assert key.isascii()
    assert key.isalnum()


def changed(**data: Any) -> dict[str, Any]:
    before: dict[str, Any] = GOOD["data"]  # type: ignore[assignment]  # GOOD is a mixed dict
    merged = {k: v for k, v in {**before, **data}.items() if v is not ...}
    return {**GOOD, "data": merged}


POISON = [
    ("bad UTF-8", b"\xff", Reason.DECODE, "not UTF-8 at octet 0"),
    ("bad JSON", b"{", Reason.DECODE, "not JSON"),
    ("too deep", b'{"a":' * 5000, Reason.DECODE, "JSON deeper than 64 levels"),
    ("too large", b"x" * (2 << 20), Reason.DECODE, "a value of more than 1048576 octets"),
    ("no object", b"[]", Reason.ENVELOPE, "a list, not an object"),
    ("no type", {"to": "a@example.org"}, Reason.UNROUTED, "the event has no type"),
    (
        "unknown type",
        {**GOOD, "type": "user.creatde"},
        Reason.UNROUTED,
        'no template for "user.creatde"; did you mean user.created?',
    ),
    ("broken template", {**GOOD, "type": "broken"}, Reason.UNROUTED, 'no template for "broken"'),
    (
        "missing field",
        changed(name=...),
        Reason.RENDER,
        "templates/hello/subject.j2:1 'name' is undefined; event has: ",
    ),
    ("null", changed(name=None), Reason.RENDER, "templates/hello/subject.j2:1 null can't be"),
    ("error", changed(age=0), Reason.RENDER, "templates/hello/body.txt.j2:2 integer division"),
    ("wrong kind", changed(age="x"), Reason.RENDER, "templates/hello/body.txt.j2:2 unsupported"),
    ("field for a header", changed(campaign=...), Reason.RENDER, "meta.toml: the event has no"),
    ("no recipient", changed(to=...), Reason.RECIPIENT, "no recipient: the data has no to"),
    ("bad recipient", changed(to="ada@@x"), Reason.RECIPIENT, "\"to\" 'ada@@x': its local part"),
    (
        "line break in a name",
        changed(to="Ada\r\nBcc: eve@example.org <ada@example.org>"),
        Reason.RECIPIENT,
        "a line break or control character in it",
    ),
]


@pytest.mark.parametrize(
    ("value", "reason", "detail"), [p[1:] for p in POISON], ids=[p[0] for p in POISON]
)
def test_poison_is_parked_with_a_reason_and_a_line_that_helps(
    folder: Folder, record: Make, value: Any, reason: Reason, detail: str
) -> None:
    made = run(folder(TEMPLATES), record(value))

    assert isinstance(made, Unusable), made
    assert made.reason is reason
    assert detail in made.detail
    assert "\n" not in made.detail
    assert len(made.detail) < 600


def test_a_missing_header_is_poison(folder: Folder, record: Make) -> None:
    made = run(folder(TEMPLATES), record({}, ce_specversion="1.0", ce_type="x", ce_source="s"))

    assert isinstance(made, Unusable)
    assert (made.reason, made.detail) == (Reason.ENVELOPE, "header ce_id missing")


def test_a_tombstone_makes_nothing(folder: Folder, record: Make) -> None:
    assert isinstance(run(folder(TEMPLATES), record(None)), Tombstone)


def test_messages_that_are_too_much_together_are_parked(folder: Folder, record: Make) -> None:
    data = {"to": [f"u{n}@example.org" for n in range(1000)], "content": "x" * 100_000}

    made = run(folder(TEMPLATES), record({"type": "plain", **data}))

    assert isinstance(made, Unusable)
    assert "1000 messages of 100001000 characters together" in made.detail
