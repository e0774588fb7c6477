"""Which template an event gets, and whom it goes to."""

from typing import Any

import pytest

from bridge.address import Mailbox
from bridge.event import Event, EventRef, Reason, Unusable
from bridge.routing import (
    Meta,
    RouteTable,
    TopicDefaults,
    choose_locale,
    choose_recipients,
    choose_template,
    fill,
    look_up,
)

NONE = TopicDefaults()
TABLE = RouteTable(
    {
        "welcome": Meta(events=("user.created", "user.signed-up")),
        "purchase_receipt": Meta(events=("order.paid",)),
    }
)


def event(type: str = "welcome", **data: Any) -> Event:
    return Event(ref=EventRef("shop", 0, 0, 0), id="1", source="s", type=type, data=data)


@pytest.mark.parametrize(
    ("event_type", "template"),
    [
        ("welcome", "welcome"),
        ("user.created", "welcome"),
        ("com.example.user.signed-up", "welcome"),
        ("com.example.user.signed_up.v2", "welcome"),
        ("UserSignedUp", "welcome"),
        ("USER.CREATED", "welcome"),
        ("purchase-receipt", "purchase_receipt"),
        ("com.example.welcome", "welcome"),
    ],
)
def test_a_type_finds_its_template_however_it_is_spelled(event_type: str, template: str) -> None:
    assert choose_template(event(event_type), TABLE, NONE) == template


@pytest.mark.parametrize(
    ("event_type", "detail"),
    [
        ("welcom", 'no template for "welcom"; did you mean welcome?'),
        ("user.deleted.forever", "there are purchase_receipt, welcome"),
        ("", "the event has no type, and its topic no default_template"),
    ],
)
def test_a_type_without_a_template_is_unrouted(event_type: str, detail: str) -> None:
    found = choose_template(event(event_type), TABLE, NONE)

    assert isinstance(found, Unusable)
    assert found.reason is Reason.UNROUTED
    assert detail in found.detail


def test_a_topic_has_a_default_template() -> None:
    assert choose_template(event(""), TABLE, TopicDefaults(template="notice")) == "notice"


@pytest.mark.parametrize(
    ("data", "mailbox"),
    [
        ({"to": "ada@example.org"}, Mailbox("ada@example.org")),
        ({"email": "ada@example.org", "name": "Ada"}, Mailbox("ada@example.org", "Ada")),
        ({"user": {"email": "ada@example.org", "name": "Ada"}}, Mailbox("ada@example.org", "Ada")),
        ({"user": 7, "customer": {"email": "c@example.org"}}, Mailbox("c@example.org")),
        ({"to": {"email": "ada@example.org", "name": "Ada"}}, Mailbox("ada@example.org", "Ada")),
        ({"to": "", "email": "ada@example.org"}, Mailbox("ada@example.org")),
    ],
)
def test_the_recipient_is_found_where_producers_put_it(
    data: dict[str, Any], mailbox: Mailbox
) -> None:
    assert choose_recipients(event(**data), Meta(), NONE) == (mailbox,)


def test_a_list_has_each_recipient_once_and_no_name_that_is_not_its_own() -> None:
    data = {"to": ["a@example.org", {"email": "b@example.org"}, "a@example.org"], "name": "Ada"}

    assert choose_recipients(event(**data), Meta(), NONE) == (
        Mailbox("a@example.org"),
        Mailbox("b@example.org"),
    )


def test_a_template_says_where_its_recipient_stands() -> None:
    meta = Meta(to=("account.owners.0.mail",))
    data = {"to": "wrong@example.org", "account": {"owners": [{"mail": "ada@example.org"}]}}

    assert choose_recipients(event(**data), meta, NONE) == (Mailbox("ada@example.org"),)


def test_a_topic_has_a_default_recipient() -> None:
    defaults = TopicDefaults(to="ops@example.org")

    assert choose_recipients(event(), Meta(), defaults) == (Mailbox("ops@example.org"),)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({}, "no recipient: the data has no to, email"),
        ({"to": "nobody"}, "\"to\" 'nobody': no @ in it"),
        ({"to": 42}, '"to" 42: an address is a text'),
        ({"to": ["a@example.org", None]}, '"to" None'),
        ({"to": "a@example.org\r\nBcc: eve@example.org"}, "line break or control character"),
        ({"to": "a@example.org", "name": "Ada\nBcc: eve@example.org"}, "line break or control"),
        ({"to": ["a@example.org"] * 1001}, '"to" lists 1001 recipients; at most 1000'),
    ],
)
def test_a_bad_recipient_parks_the_event(data: dict[str, Any], detail: str) -> None:
    found = choose_recipients(event(**data), Meta(), NONE)

    assert isinstance(found, Unusable)
    assert found.reason is Reason.RECIPIENT
    assert detail in found.detail
    assert "\n" not in found.detail


@pytest.mark.parametrize(
    ("data", "locale"),
    [
        ({"locale": "de-AT"}, "de-AT"),
        ({"user": {"locale": "pt_BR"}}, "pt_BR"),
        ({"locale": "x\r\nBcc: y"}, ""),
        ({}, ""),
    ],
)
def test_a_locale_is_taken_when_it_is_one(data: dict[str, Any], locale: str) -> None:
    assert choose_locale(event(**data), Meta()) == locale


def test_a_text_is_filled_from_the_data() -> None:
    assert fill("<https://x.example/{user.id}>", {"user": {"id": 7}}) == "<https://x.example/7>"


@pytest.mark.parametrize("user", [None, {}, {"id": None}, {"id": [1]}, {"id": True}])
def test_a_text_is_not_filled_with_what_is_missing(user: Any) -> None:
    with pytest.raises(KeyError):
        fill("{user.id}", {"user": user})


def test_a_path_ends_in_nothing_where_there_is_nothing() -> None:
    assert look_up({"a": [{"b": 1}]}, "a.0.b") == 1
    assert look_up({"a": [{"b": 1}]}, "a.1.b") is None
    assert look_up({"a": "text"}, "a.b") is None
