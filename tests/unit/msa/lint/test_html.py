"""HTML bodies: what is read of them, and where it stands in the content."""

import base64
import quopri
import subprocess
import sys
import time

import pytest

from msa.lint import Draft, lint
from msa.lint.html import Page, Reference
from msa.lint.html.reader import MAX_TOKENS


def message(html: bytes, fields: str = "") -> bytes:
    head = f"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n{fields}\r\n"
    return head.encode() + html


def page_of(html: str, fields: str = "") -> Page:
    [page] = Draft(message(html.encode(), fields)).pages
    return page


def addresses(html: str) -> list[tuple[str, str]]:
    return [(one.url, one.attribute) for one in page_of(html).references]


def test_addresses_are_found_in_attributes_and_in_css() -> None:
    html = (
        "<link rel=x href=l><a href=' a '>x</a><img src=i srcset='s 1x, t 2x'><area href=r>"
        "<td background=b><form action=f><video poster=p src=v>"
        "<p style=\"background: url(c), url('d')\"><style>@import 'e'; p{background:url(g)}</style>"
    )

    assert addresses(html) == [
        *(("l", "href"), ("a", "href"), ("i", "src"), ("s", "srcset"), ("t", "srcset")),
        *(("r", "href"), ("b", "background"), ("f", "action"), ("v", "src"), ("p", "poster")),
        *(("c", "style"), ("d", "style"), ("e", ""), ("g", "")),
    ]


def test_line_ends_and_tabs_within_an_address_are_nothing() -> None:
    assert addresses("<a href='java\r\nscr\tipt:x'>x</a>") == [("javascript:x", "href")]


def test_a_link_shows_its_text_and_the_alt_of_its_images() -> None:
    [link] = page_of("<a href=x>Your <b>order</b>\r\n <img alt='now'></a> more").links

    assert link.text == "Your order now"


def test_a_link_that_is_not_closed_ends_where_the_next_begins() -> None:
    links = page_of("<a href=1>one <a href=2>two").links

    assert [(link.url, link.text) for link in links] == [("1", "one"), ("2", "two")]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<title>t</title><style>s</style><script>c</script><p>a</p>b", "\n\n\na\nb"),
        ("<p style='display:none'>a<b>b</b></p>c", "\n\nc"),
        ("<p hidden>a</p><p style='visibility:hidden'>b</p>c", "\n\n\n\nc"),
        ("<p style='font-size:0'>a<b style='font-size:9px'>b</b></p>", "\nb\n"),
        ("<p style='max-height:0;overflow:hidden'>a</p>", "\n\n"),
        ("<p style='max-height:0'>a</p>", "\na\n"),
        ("<td bgcolor='#fff'><font color=white>a</font>b</td>", "\nb\n"),
        ("<td style='background:#fff url(x)'><p style='color:#fff'>a</p></td>", "\n\na\n\n"),
        ("<p style='display:none'>a<p>b", "\n\nb"),
        ("a<br>b&amp;c<!-- d --><![if !mso]>e<![endif]>", "a\nb&ce"),
    ],
)
def test_what_a_reader_sees(html: str, text: str) -> None:
    assert page_of(html).text == text


@pytest.mark.parametrize(
    ("html", "broken"),
    [
        ("<p>a<p>b<ul><li>c<li>d</ul><table><tr><td>e<tr><th>f</table>", []),
        ("<div><br/><img><hr></div><o:p/><svg><path/></svg>", []),
        ("<b><i>x</b></i>", ["<i> is still open where </b> stands"]),
        ("<div>", ["<div> is never closed"]),
        ("</div>", ["</div> closes nothing"]),
        ("<style>p{", ["<style> is never closed"]),
        ("a<b x='", ["after this the HTML ends inside a tag or a comment"]),
        ("a<!-- b", ["after this the HTML ends inside a tag or a comment"]),
        # The tag that we put at the end, in the body itself.
        ("<x-end></x-end><b x='", ["after this the HTML ends inside a tag or a comment"]),
        ("<p><x-end>a</x-end>", []),
        ("<x-end>", ["<x-end> is never closed"]),
    ],
)
def test_what_is_broken(html: str, broken: list[str]) -> None:
    assert [one.text for one in page_of(html).broken] == broken


ENCODERS = {
    "8bit": lambda data: data,
    "quoted-printable": lambda data: quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(
        b"\n", b"\r\n"
    ),
    "base64": lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n"),
}
CHARSETS = ("utf-8", "iso-8859-1", "iso-2022-jp")


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [*((encoding, name) for encoding in ENCODERS for name in CHARSETS), ("base64", "utf-16-le")],
)
def test_a_place_is_where_the_octets_stand(encoding: str, charset: str) -> None:
    letters = "été" if charset == "iso-8859-1" else "日本語"
    html = (
        f"<p>{letters * 30}</p>\r\n\r\n<p title='=3D'>\r\n  <a class=x href='/here'>{letters}</a>"
    ).encode(charset)
    head = (
        f"MIME-Version: 1.0\r\nContent-Type: text/html; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode()
    content = head + ENCODERS[encoding](html)

    [page] = Draft(content).pages
    [link] = page.links
    start, _ = page.element_span(link.element, "href")

    if encoding == "base64":
        # Four characters hold three octets: those are meant that hold the first of them.
        characters = len(content[len(head) : start].replace(b"\r\n", b""))
        assert 0 <= html.index("/here".encode(charset)) - characters // 4 * 3 < 3
    else:
        assert content[start:].startswith("/here".encode(charset))


def test_a_place_in_a_style_sheet_is_its_own_line() -> None:
    content = message(b"<p>x</p><style>\r\np { color: red }\r\nq { display: grid }\r\n</style>")
    [finding] = lint(content, select=("BOD006",))

    assert finding.line == 6
    assert finding.evidence.startswith("grid }")


def test_an_attached_page_is_not_read() -> None:
    assert Draft(message(b"<p>x", "Content-Disposition: attachment\r\n")).pages == ()


def test_references_know_whether_people_follow_them() -> None:
    page = page_of("<a href=a>x</a><img src=b>")

    assert list(page.links) == [one for one in page.references if one.is_link]
    assert [one.is_link for one in page.references] == [True, False]
    assert isinstance(page.references[0], Reference)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 200_000,
        "<div>" * 30_000 + "</p>" * 30_000,
        "<b><i>" * 20_000 + "</b>" * 20_000,
        "<a href=x>" * 50_000,
        "<a " + " ".join(f"a{n}=1" for n in range(50_000)) + ">",
        '<a href="' + "y" * 1_000_000 + '">',
        "<p style='" + "a:b;" * 100_000 + "'>",
        "<p style='color:red'>" * 50_000,
        "<style>" + "a{" * 100_000 + "</style>",
        "<style>" + "a{b:" + "f(" * 100_000 + "</style>",
        "<style>" + "@media x{" * 30_000 + "</style>",
        "<style>" + "a{b:c}" * 40_000 + "</style>",
        "<img srcset='" + "a, " * 300_000 + "'>",
        "<" * 1_000_000,
        "<!--" * 250_000,
        "&" * 1_000_000,
        '<p x="' + '"' * 500_000,
        "<p>" + "\r" * 500_000 + "<a href=/x>" * 100,
        "<svg>" * 20_000 + "<a/>" * 30_000,
        "<br>" * 15_000 + "<a href='#x'>y</a>" * 4_000,
        "<p style='display:none'>" + "x " * 400_000,
    ],
)
def test_hostile_html_is_linted_in_bearable_time(html: str) -> None:
    begun = time.process_time()
    lint(message(html.encode(), "Content-Transfer-Encoding: 8bit\r\n"), profile="strict")

    assert time.process_time() - begun < 5


def test_a_limit_that_is_hit_is_told() -> None:
    content = message(b"<br>" * (MAX_TOKENS + 1))

    assert "too many tags" in lint(content, select=("BOD009",))[0].text


def test_a_message_without_html_needs_no_html_library() -> None:
    program = (
        "import sys; from msa.lint import lint; lint(b'Subject: x\\r\\n\\r\\nhello\\r\\n');"
        "print(sorted({'turbohtml', 'tinycss2'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"
