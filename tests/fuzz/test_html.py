"""Invariants of what is read of HTML and CSS, whatever it is."""

import base64
import quopri

from hypothesis import given, settings
from hypothesis import strategies as st

from msa.lint import RULES, Draft, inspect, run
from msa.lint.facts import Facts, LinkAnswer
from msa.lint.finding import MAX_EVIDENCE
from msa.lint.html.css import read_sheet, read_style
from msa.lint.html.features import recognised
from msa.lint.options import LintOptions
from msa.lint.profile import PROFILES
from msa.lint.target import host_of

HTML_RULES = [rule for rule in RULES if rule.code[:3] in ("BOD", "LNK", "LST", "MIM")]
STYLES = st.lists(
    st.sampled_from(
        [
            *(
                "color",
                "red",
                ":",
                ";",
                "{",
                "}",
                "(",
                ")",
                "[",
                "]",
                '"',
                "'",
                "\\",
                "/*",
                "*/",
                "@",
            ),
            *("display:none;", "font-size:0;", "background:#fff url(x)", "url(", "--a", "var(--a)"),
            *(
                "@media print{",
                "@import ",
                "@supports(a:b){",
                "!important",
                "<!--",
                "-->",
                "1e999px",
            ),
            *(
                "hsl(1e999,1e9%,-1e9%)",
                "rgb(999,-1,0)",
                "p>a",
                "::before",
                ":not(",
                "&",
                "*",
                ",",
                " ",
            ),
            *("calc(1rem + 2vw)", "\n", "\f", "\r", "\0", "é", "\ud800", "{{", "u+?", "50%"),
        ]
    )
    | st.text(max_size=4),
    max_size=25,
).map("".join)
PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<b>",
            "</b>",
            "<i>",
            "</i>",
            "<table><tr><td>",
            "</td>",
            "</table>",
            "<li>",
        ),
        *(
            "<a href=",
            "<a href='/x'>",
            "<a href='https://a.example:99/'>https://b.example</a>",
            "</a>",
        ),
        *(
            "<img src='cid:a@b'>",
            "<img srcset='a 1x, b'>",
            "<script>",
            "</script>",
            "<style>",
            "</style>",
        ),
        *("<!--", "-->", "<![CDATA[", "]]>", "<!doctype html>", "<?x", "<svg><path/>", "</svg>"),
        *(
            "<td bgcolor=white>",
            "<font color='#fff'>",
            "<p style='",
            "<p hidden>",
            "<title>",
            "</title>",
        ),
        *(
            "&amp;",
            "&#0;",
            "&#xd800;",
            "&nbsp",
            "<",
            ">",
            "'",
            '"',
            "=",
            " ",
            "\n",
            "\r\n",
            "\r",
            "\0",
        ),
        *(
            "http://10.0.0.1/ ",
            "http://[::1]/",
            "javascript:x",
            "data:a",
            "//x",
            "#",
            "mailto:",
            "http://%",
        ),
        *(
            "unsubscribe",
            "text of many words and letters ",
            "日本",
            "é",
            "\f",
            "<x-end>",
            "</x-end>",
        ),
        *(
            "<textarea>",
            "<plaintext>",
            "<template>",
            "<o:p/>",
            "<form><input type=text>",
            "onclick=x ",
        ),
    ]
)
PAGES = st.lists(PIECES | STYLES | st.text(max_size=5), max_size=40).map("".join)
ENCODERS = {
    "8bit": lambda data: data,
    "quoted-printable": quopri.encodestring,
    "base64": base64.encodebytes,
    "x": lambda data: data[::-1],
}


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A multipart/alternative whose HTML is anything, in any charset and encoding."""
    encoding = draw(st.sampled_from(sorted(ENCODERS)))
    charset = draw(
        st.sampled_from(["utf-8", "iso-8859-1", "utf-16", "iso-2022-jp", "utf-7", "none"])
    )
    codec = "utf-8" if charset == "none" else charset
    html = draw(PAGES).encode(codec, "replace" if codec != "utf-8" else "surrogatepass")
    plain = draw(PAGES).encode("utf-8", "surrogatepass")
    head = (
        "Subject: x\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative; boundary=b1\r\n\r\n"
        "--b1\r\nContent-Type: text/plain\r\n\r\n"
    )
    second = (
        f"\r\n--b1\r\nContent-Type: text/html; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + plain + second.encode() + ENCODERS[encoding](html) + b"\r\n--b1--\r\n"


@settings(max_examples=500, deadline=None)
@given(messages(), st.sampled_from(PROFILES))
def test_no_rule_raises_and_every_finding_lies_in_the_message(content: bytes, profile: str) -> None:
    draft = Draft(content, profile=profile)  # type: ignore[arg-type]
    draft.facts = Facts(links=dict.fromkeys(draft.targets, LinkAnswer(404, "")))
    for rule in HTML_RULES:
        for flaw in run(rule, draft):
            assert flaw.offset is not None
            assert 0 <= flaw.offset <= len(content)
            assert content.startswith(flaw.evidence[:MAX_EVIDENCE], flaw.offset)
    for finding in inspect(draft, LintOptions(profile=profile)):  # type: ignore[arg-type]
        assert finding.text.isprintable()


@settings(max_examples=300, deadline=None)
@given(messages())
def test_what_is_found_of_a_page_stands_in_its_part(content: bytes) -> None:
    for page in Draft(content).pages:
        start, end = page.part.body
        for reference in page.references:
            for span in (
                page.element_span(reference.element),
                page.element_span(reference.element, reference.attribute),
            ):
                assert start <= span.start <= span.end <= end
        assert all(text in page.text for text in page.texts if isinstance(text, str))


@settings(max_examples=500, deadline=None)
@given(STYLES)
def test_any_style_is_read(text: str) -> None:
    for css in (read_style(text), read_sheet(text)):
        assert {use.feature for use in css.uses} <= recognised()
        for _, line, column in css.uses:
            assert 1 <= line <= 1 + text.count("\n") + text.count("\r") + text.count("\f")
            assert 0 <= column <= len(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | PIECES)
def test_a_host_has_no_sign_of_an_address_in_it(url: str) -> None:
    assert not set(host_of(url)) & set("/?#@\\ \r\n")
