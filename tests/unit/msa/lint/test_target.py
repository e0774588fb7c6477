"""The addresses of a page looked at all at once, held against looking at each."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa.lint import Draft
from msa.lint.html import Page
from msa.lint.target import MAX_TARGETS, survey, survey_each

ADDRESSES = (
    *("https://shop.example/1", "HTTP://Shop.Example", "https://shop.example?q=1", "#top", ""),
    *("https://user@shop.example:8443/", "https://[2001:db8::1]/", "https://[x", "https://"),
    *("mailto:a@b.example", "/relative", "//cdn.example/x", "javascript:x", "www.shop.example"),
    *("https://shop.example/a b", "https://shop.example/<x>", "https://späti.example/", "cid:1"),
    *("https://a.example/x\\y", "https://shop.example:port/", "ftp://shop.example/", "https:///x"),
    *("\r", "https://shop.example/\rx", "https://" + 3_000 * "a", "\u2028", "https://a\u2028b/"),
)


def page_of(addresses: list[str]) -> Page:
    html = "".join(f'<a href="{escape(each)}">x</a>' for each in addresses)
    content = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    [page] = Draft(content).pages
    return page


@given(
    st.lists(st.one_of(st.sampled_from(ADDRESSES), st.text('htps:/.a@[]%#?\n\r\t "<', max_size=20)))
)
def test_all_at_once_finds_what_each_by_itself_does(addresses: list[str]) -> None:
    page = page_of(addresses)
    at_once, each = survey(page), survey_each(page)

    assert at_once.authorities == each.authorities
    assert list(at_once.strange) == list(each.strange)


@pytest.mark.parametrize("strange", ["mailto:a@b.example", "https://shop.example/a b"])
def test_strange_addresses_are_looked_for_among_the_first_thousand(strange: str) -> None:
    page = page_of([*(MAX_TARGETS * ["https://shop.example/"]), strange])

    assert not survey(page).strange
    assert not survey_each(page).strange


def test_a_page_of_sound_addresses_has_nothing_strange_and_a_few_hosts() -> None:
    found = survey(page_of([f"https://shop.example/{n}" for n in range(100)]))

    assert [authority.host for authority in found.authorities] == ["shop.example"]
    assert not found.strange
