"""What people type into the search field, and what it means."""

from datetime import UTC, datetime

import pytest

from sandbox_mta.store.query import MAX_QUERY, Key, Query, QueryError, Term, parse_query

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("   ", ()),
        ("receipt", (Term(Key.ANY, "receipt"),)),
        ("to:bob from:ada", (Term(Key.TO, "bob"), Term(Key.FROM, "ada"))),
        ("TO:bob", (Term(Key.TO, "bob"),)),
        ('subject:"your receipt"', (Term(Key.SUBJECT, "your receipt"),)),
        ('"Re: hello"', (Term(Key.ANY, "Re: hello"),)),
        ("-state:delivered", (Term(Key.STATE, "delivered", negated=True),)),
        ("kind:dsn", (Term(Key.KIND, "dsn"),)),
        ("template:welcome", (Term(Key.TEMPLATE, "welcome"),)),
        ("id:0123456789ABCDEFGHIJKL", (Term(Key.ID, "0123456789ABCDEFGHIJKL"),)),
        ("bob@example.org", (Term(Key.ANY, "bob@example.org"),)),
        ("12:30", (Term(Key.ANY, "12:30"),)),
        ("50%_off", (Term(Key.ANY, "50%_off"),)),
        ("after:2026-11-24", (Term(Key.AFTER, datetime(2026, 11, 24, tzinfo=UTC)),)),
        (
            'before:"2026-11-24 10:30"',
            (Term(Key.BEFORE, datetime(2026, 11, 24, 10, 30, tzinfo=UTC)),),
        ),
        (
            "before:2026-11-24T10:30:00.5+02:00",
            (Term(Key.BEFORE, datetime(2026, 11, 24, 8, 30, 0, 500_000, tzinfo=UTC)),),
        ),
        ("after:10m", (Term(Key.AFTER, datetime(2026, 11, 24, 11, 50, tzinfo=UTC)),)),
    ],
)
def test_what_a_query_means(text: str, terms: tuple[Term, ...]) -> None:
    assert parse_query(text, NOW) == Query(terms)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colour:red", 'there is no "colour:"; there are to: from: subject: state:'),
        ("to:", "nothing follows to:"),
        ("-", "nothing follows -"),
        ('""', 'nothing follows ""'),
        ('subject:"open', 'a quote is not closed or in the wrong place: subject:"open'),
        ('a"b"', "a quote is not closed or in the wrong place"),
        ("state:lost", 'state: has no "lost"; there are queued routing'),
        ("kind:letter", 'kind: has no "letter"; there are mail dsn arf autoreply'),
        ("after:yesterday", "after: needs a time such as 2026-11-24"),
        ("after:999999d", "after: needs a time such as 2026-11-24"),
        ("before:2026-13-01", 'not "2026-13-01"'),
        ("x" * (MAX_QUERY + 1), "more than 1000 characters"),
        ("x " * 40, "more than 30 words"),
    ],
)
def test_what_is_no_query_is_said_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(text, NOW)

    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
