from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from msa.envelope import Client, Kind
from msa.lint.finding import Severity
from msa.message.view import Address
from sandbox_mta.mta.status import State
from sandbox_mta.store.stored import Position, Summary
from sandbox_mta.web.facts import Facts
from sandbox_mta.web.pages.listing import PAGE_ROWS, Listing, listing
from sandbox_mta.web.pages.place import Place

EVERYTHING = Place()
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def summary(number: int = 1, **fields: Any) -> Summary:
    made: dict[str, Any] = {
        "number": number,
        "id": f"id{number}",
        "kind": Kind.MAIL,
        "accepted_at": NOON,
        "refused_at": None,
        "reverse_path": "app@shop.example",
        "author": "App",
        "subject": "Hello",
        "message_id": "",
        "size_octets": 100,
        "is_linted": True,
        "is_read": False,
        "client": Client(),
        "event": None,
        "forward_paths": ("ada@customer.example",),
        "states": {State.DELIVERED: 1},
        "severities": {},
    }
    return Summary(**{**made, **fields})


def facts(**fields: Any) -> Facts:
    nobody = Address("", "")
    made: dict[str, Any] = {
        "author": nobody,
        "to": (Address("Ada", "ADA@customer.example"),),
        "cc": (),
        "bcc": (),
        "reply_to": (),
        "snippet": "Good morning.",
        "attachments": 0,
        "is_whole": True,
    }
    return Facts(**{**made, **fields})


def laid_out(
    *summaries: Summary,
    place: Place = EVERYTHING,
    opened: tuple[str, str] = ("", ""),
    known: Mapping[str, Facts] | None = None,
) -> Listing:
    return listing(
        summaries,
        known or {each.id: facts() for each in summaries},
        Position(newest=9, total=len(summaries), unread=0),
        place=place,
        opened=opened,
        today=date(2026, 11, 24),
    )


def test_a_recipient_has_the_name_that_the_header_gives_it() -> None:
    ((_, (row,)),) = laid_out(summary()).days

    assert row.who == "Ada"


def test_rows_are_grouped_by_day() -> None:
    shown = laid_out(summary(2), summary(1, accepted_at=NOON - timedelta(days=15)))

    assert [day for day, _ in shown.days] == ["Today", "Monday, 9 November 2026"]


@pytest.mark.parametrize(
    ("states", "words", "marks"),
    [
        ({State.DELIVERED: 1}, "delivered", ("ok",)),
        ({State.DELIVERED: 3}, "all 3 delivered", ("ok", "ok", "ok")),
        ({State.DELIVERED: 1, State.BOUNCED: 1}, "1 bounced, 1 delivered", ("bad", "ok")),
        ({State.DELIVERED: 38, State.DEFERRED: 2}, "2 deferred, 38 delivered", ("warn", "ok")),
    ],
)
def test_the_states_of_a_row_are_counted_the_worst_first(
    states: Mapping[State, int], words: str, marks: tuple[str, ...]
) -> None:
    ((_, (row,)),) = laid_out(summary(states=states)).days

    assert (row.states, row.marks) == (words, marks)


def test_lint_counts_what_a_reader_should_mend() -> None:
    severities = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFO: 4}

    ((_, (row,)),) = laid_out(summary(severities=severities)).days

    assert row.lint == 3


@pytest.mark.parametrize(("whole", "text"), [(True, "2"), (False, "2+")])
def test_attachments_beyond_the_part_read_are_hinted_at(whole: bool, text: str) -> None:
    known = {"id1": facts(attachments=2, is_whole=whole)}

    ((_, (row,)),) = laid_out(summary(), known=known).days

    assert row.files == text


def test_the_rows_beside_the_open_one_keep_its_tab_and_the_filter() -> None:
    shown = laid_out(
        summary(3), summary(2), summary(1), place=Place("to:ada", 9), opened=("id2", "journey")
    )

    assert shown.previous_row == "/m/id3/journey?q=to%3Aada&before=9"
    assert shown.next_row == "/m/id1/journey?q=to%3Aada&before=9"


def test_a_full_page_leads_to_the_older_one() -> None:
    shown = laid_out(*(summary(number) for number in range(PAGE_ROWS + 1, 0, -1)))

    assert shown.rows == PAGE_ROWS
    assert shown.older == "/inbox?before=2"
    assert laid_out(summary()).older == ""


@pytest.mark.parametrize("place", [Place("to:ada"), Place("", 7)])
def test_only_the_first_page_of_everything_offers_to_delete_all(place: Place) -> None:
    assert laid_out(summary(), place=place).newest_id == ""
    assert laid_out(summary()).newest_id == "id1"


@pytest.mark.parametrize("before", ["", "-1", "x", "1" * 18, "\u0663", "1.5"])
def test_what_is_no_number_of_a_page_is_left_out(before: str) -> None:
    assert Place.read("", before) == Place()
    assert Place.read("", "17") == Place("", 17)
