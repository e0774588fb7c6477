import base64

import pytest

from sandbox_mta.web.pages.frame import (
    MAX_DOCUMENT,
    MAX_EMBEDDED_OCTETS,
    MAX_INLINE_OCTETS,
    Inline,
    count_remote,
    document,
    policy,
)

PIXEL = Inline("image/png", b"\x89PNG")


def test_an_inline_image_is_embedded() -> None:
    shown = document('<img src="cid:logo@x">', {"logo@x": PIXEL})

    assert shown == f'<img src="data:image/png;base64,{base64.b64encode(PIXEL.octets).decode()}">'


@pytest.mark.parametrize(
    "part",
    [
        Inline("text/html", b"<script>"),
        Inline("image/png", b"x" * (MAX_INLINE_OCTETS + 1)),
        Inline('image/png;"><script>', b"x"),
    ],
)
def test_only_a_small_image_is_embedded(part: Inline) -> None:
    assert document('<img src="cid:a">', {"a": part}) == '<img src="cid:a">'


def test_an_unknown_content_id_is_left_as_it_is() -> None:
    assert document('<img src="cid:nope">', {}) == '<img src="cid:nope">'


def test_links_open_outside_whatever_the_message_says() -> None:
    assert document('<A HREF="https://x.example" target=_self>', {}) == (
        '<A target="_blank" rel="noopener noreferrer" HREF="https://x.example" target=_self>'
    )
    assert document("<abbr>a</abbr><article>", {}) == "<abbr>a</abbr><article>"


@pytest.mark.parametrize(
    "html",
    [
        '<BASE href="https://evil.example/">',
        "<base\thref=//evil.example " + "x" * 5000 + ">",
        "<link rel=preconnect href=//evil.example",
        '<link/rel="dns-prefetch"href="//evil.example">',
        "<iframe src=//evil.example></iframe><FRAME src=//evil.example>",
    ],
)
def test_what_turns_links_elsewhere_or_connects_is_no_element_any_more(html: str) -> None:
    shown = document(html, {}).lower()

    assert "<base" not in shown
    assert "<link" not in shown
    assert "<iframe" not in shown
    assert "<frame" not in shown


def test_style_sheets_are_linked_when_the_reader_loads_what_is_remote() -> None:
    html = '<link rel=stylesheet href="https://x.example/a.css">'

    assert document(html, {}, remote=True) == html


def test_a_picture_that_is_named_a_thousand_times_fills_no_memory() -> None:
    large = Inline("image/png", b"x" * 1_000_000)

    shown = document('<img src="cid:a">' * 1000, {"a": large})

    assert len(shown) < 2 * MAX_EMBEDDED_OCTETS
    assert shown.endswith('<img src="cid:a">')


def test_a_huge_document_is_cut() -> None:
    assert len(document("x" * (MAX_DOCUMENT + 1), {})) == MAX_DOCUMENT


def test_remote_items_are_counted_in_time_that_grows_with_the_text() -> None:
    assert count_remote("<link" * 1_000_000) == 0


def test_the_rest_is_shown_as_its_author_wrote_it() -> None:
    html = '<table width=600><tr><td style="color:red" onclick="x()"><p>1 < 2</table>'

    assert document(html, {}) == html


@pytest.mark.parametrize(
    ("html", "count"),
    [
        ('<img src="https://x.example/a.png">', 1),
        ("<img src=//x.example/a.png><td background='http://x.example/b'>", 2),
        ("<style>@import 'https://x.example/c.css'; p { background: url(http://x.example) }", 2),
        ('<link rel=stylesheet href="https://x.example/a.css">', 1),
        ('<a href="https://x.example">no</a><img src="data:image/png;base64,AA">', 0),
    ],
)
def test_remote_items_are_counted(html: str, count: int) -> None:
    assert count_remote(html) == count


def test_no_policy_ever_allows_scripts() -> None:
    for remote in (False, True):
        assert "script-src" not in policy(remote=remote)
        assert "default-src 'none'" in policy(remote=remote)
        assert "allow-scripts" not in policy(remote=remote)
        assert "allow-same-origin" not in policy(remote=remote)
    assert "http:" not in policy(remote=False)
