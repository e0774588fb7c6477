"""The templates that are shipped: each sample renders, and our own linter has nothing to say."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.event import Record
from bridge.pipeline import House, Prepared, prepare
from bridge.rendering.catalogue import Catalogue
from msa.envelope import Envelope, Recipient
from msa.lint import lint

ROOT = Path(__file__).parents[3] / "templates"
NAMES = ("email_verification", "password_reset", "purchase_receipt", "shipping_notice", "welcome")
HOUSE = House(domain="sandbox.test", sender="no-reply@sandbox.test")


SAMPLES = [
    pytest.param(path, id=f"{path.parts[-3]}/{path.stem}")
    for path in sorted(ROOT.glob("*/samples/*.json"))
]


def message_of(shipped: Catalogue, make: Callable[..., Record], name: str, data: Any) -> Prepared:
    record = make({"type": name, "id": "e-1", "data": data})
    made = prepare(record, "i", shelf=shipped.shelf, house=HOUSE, now=datetime.now(UTC))
    assert isinstance(made, Prepared), made
    return made


def test_five_templates_are_shipped_and_none_has_a_problem(shipped: Catalogue) -> None:
    assert tuple(shipped.shelf.templates) == NAMES
    assert list(shipped.check()) == []


@pytest.mark.parametrize("path", SAMPLES)
def test_a_sample_makes_a_message_without_a_finding(
    shipped: Catalogue, record: Callable[..., Record], path: Path
) -> None:
    data = json.loads(path.read_bytes())

    [outgoing] = message_of(shipped, record, path.parts[-3], data).messages

    envelope = Envelope(
        reverse_path=outgoing.reverse_path, recipients=(Recipient(outgoing.forward_path),)
    )
    assert lint(outgoing.content, envelope) == ()


@pytest.mark.parametrize("path", SAMPLES)
def test_a_sample_renders_to_mail_that_shows_everywhere(shipped: Catalogue, path: Path) -> None:
    rendered: Any = shipped.shelf.templates[path.parts[-3]].render(json.loads(path.read_bytes()))

    assert 10 < len(rendered.subject) <= 70
    assert len(rendered.html) < 40_000  # Gmail clips at 102 KB
    assert not re.search(r"<img|<script|<link|url\(", rendered.html)  # nothing is fetched
    assert "{{" not in rendered.html + rendered.text
    assert max(map(len, rendered.text.splitlines())) <= 100
    assert "\n\n\n" not in rendered.text
    for tag in ("table", "tr", "td", "p", "a", "span", "div"):
        assert len(re.findall(rf"<{tag}[ >]", rendered.html)) == rendered.html.count(f"</{tag}>")


@pytest.mark.parametrize("name", NAMES)
def test_each_template_has_a_minimal_and_a_rich_sample_with_other_letters(name: str) -> None:
    folder = ROOT / name / "samples"

    assert {"minimal.json", "rich.json"} <= {path.name for path in folder.iterdir()}
    assert not (folder / "rich.json").read_text().isascii()


@pytest.mark.parametrize("name", NAMES)
def test_markup_in_an_event_is_shown_and_not_obeyed(
    shipped: Catalogue, record: Callable[..., Record], name: str
) -> None:
    hostile = "<script>alert(1)</script>\"'& \u202e\r\n.\r\nBcc: eve@example.org"
    data = poisoned(json.loads((ROOT / name / "samples/rich.json").read_bytes()), hostile)

    rendered: Any = shipped.shelf.templates[name].render(data)

    assert "<script>" not in rendered.html
    assert "\n" not in rendered.subject
    for address in re.findall(r'href="([^"]*)"', rendered.html):
        assert "<" not in address


def poisoned(data: Any, hostile: str) -> Any:
    """Put a hostile text in the place of every text that is no date, address or amount."""
    if isinstance(data, dict):
        kept = ("email", "currency", "placed_at", "arrives_on", "trial_ends_at", "at")
        return {k: v if k in kept else poisoned(v, hostile) for k, v in data.items()}
    if isinstance(data, list):
        return [poisoned(item, hostile) for item in data]
    return hostile if isinstance(data, str) else data


@pytest.mark.parametrize(
    ("event_type", "template"),
    [
        ("user.created", "welcome"),
        ("com.example.user.signed-up", "welcome"),
        ("user.password-reset-requested", "password_reset"),
        ("purchase.completed", "purchase_receipt"),
        ("order.shipped", "shipping_notice"),
        ("verify-email", "email_verification"),
    ],
)
def test_the_events_of_a_common_shop_find_their_template(
    shipped: Catalogue, event_type: str, template: str
) -> None:
    assert shipped.shelf.table.template_of(event_type) == template
