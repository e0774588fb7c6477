"""Which client can do what: caniemail's data, our tables over it, and what is told."""

import pytest

from msa.lint import Finding, lint
from msa.lint.html import features
from msa.lint.html.css import read_sheet, read_style
from msa.lint.html.support import DEFAULT_CLIENTS, families, resolve, support
from msa.lint.profile import Profile

KNOWN = support(DEFAULT_CLIENTS)


def of(
    html: str, *, profile: Profile = "txn", clients: tuple[str, ...] = DEFAULT_CLIENTS
) -> list[Finding]:
    content = b"Content-Type: text/html; charset=us-ascii\r\n\r\n" + html.encode()
    found = lint(content, select=("BOD005", "BOD006"), profile=profile, clients=clients)
    return list(found)


def test_each_feature_of_the_data_is_recognised_or_told_why_not() -> None:
    assert features.recognised().isdisjoint(features.UNRECOGNISED)
    assert features.recognised() | features.UNRECOGNISED.keys() == KNOWN.titles.keys()


def test_only_a_few_features_are_not_recognised() -> None:
    assert sorted(features.UNRECOGNISED) == ["amp", "bimi", "html-comments", "html-doctype"]


def test_what_is_told_always_and_never_are_features_and_apart() -> None:
    assert KNOWN.titles.keys() >= features.ESSENTIAL | features.HARMLESS
    assert not features.ESSENTIAL & features.HARMLESS


STYLES = {
    **{name: f"{name}: x" for name in features.PROPERTIES if name != "position"},
    "position": "position: absolute",
    **{f"{name}: {word}": f"{name}: {word}" for name, word in features.KEYWORDS},
}


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_recognised(name: str) -> None:
    wanted = features.PROPERTIES.get(name) or features.KEYWORDS[tuple(name.split(": "))]  # type: ignore[index]

    assert wanted in {use.feature for use in read_style(STYLES[name]).uses}


@pytest.mark.parametrize(
    ("sheet", "feature"),
    [
        *((f"p {{ x: {name}(1px) }}", slug) for name, slug in features.FUNCTIONS.items()),
        *((f"p {{ x: 1{unit} }}", slug) for unit, slug in features.UNITS.items()),
        *((f"p {{ x: {word} }}", slug) for word, slug in features.ANYWHERE.items()),
        *(
            (f"@media (min-width: 1px) and ({name}: x) {{}}", slug)
            for name, slug in features.MEDIA.items()
        ),
        *((f"@{name} x {{}}", slug) for name, slug in features.AT_RULES.items()),
        *((f"p:{name} {{}}", slug) for name, slug in features.PSEUDO_CLASSES.items()),
        *((f"p::{name} {{}}", slug) for name, slug in features.PSEUDO_ELEMENTS.items()),
        *((f"p {sign} a {{ & b {{}} }}", slug) for sign, slug in features.COMBINATORS.items()),
        ("p:nth-child(2n) {}", "css-pseudo-class-nth-child"),
        ("p:after {}", "css-pseudo-element-after"),
        ("/* x */", "css-comments"),
        ("p { x: 1px !important }", "css-important"),
        ("p { x: 50% }", "css-unit-percent"),
        ("p { --x: 1 }", "css-variables"),
        ("p { a { x: y } }", "css-nesting"),
        ("a[href] {}", "css-selector-attribute"),
        (".a.b {}", "css-selector-chaining"),
        (".a .b {}", "css-selector-descendant"),
        ("p b {}", "css-selector-descendant"),
        (".a {}", "css-selector-class"),
        ("#a {}", "css-selector-id"),
        ("a {}", "css-selector-type"),
    ],
)
def test_a_style_sheet_is_recognised(sheet: str, feature: str) -> None:
    assert feature in {use.feature for use in read_sheet(sheet).uses}


@pytest.mark.parametrize(
    ("sheet", "feature"),
    [
        (".a.b {}", "css-selector-descendant"),
        (".a .b {}", "css-selector-chaining"),
        (".a, .b {}", "css-selector-descendant"),
        ("p{x:y}", "css-selector-universal"),
        ("p { position: relative }", "css-position"),
        ("p { display: gridiron }", "css-display-grid"),
        ("p { content: 'display: grid' }", "css-display-grid"),
        ("/* p { display: grid } */", "css-display-grid"),
        ("@media x { p { display: grid } }", "css-display-grid"),
        ("@supports (display: grid) { p { display: grid } }", "css-display-grid"),
    ],
)
def test_what_is_no_use_of_a_feature(sheet: str, feature: str) -> None:
    assert feature not in {use.feature for use in read_sheet(sheet).uses}


@pytest.mark.parametrize(
    "sheet",
    [
        "@media screen{p{x:y}}",
        "@media only screen and (max-width: 480px){}",
        "@font-face{font-family:x}",
        "p{DISPLAY:Grid}",
        "p{display:grid!important}",
        "p{d\\69splay:grid}",
    ],
)
def test_usual_spellings_are_recognised(sheet: str) -> None:
    wanted = {"css-at-media", "css-at-font-face", "css-display-grid"}

    assert wanted & {use.feature for use in read_sheet(sheet).uses}


@pytest.mark.parametrize(
    ("html", "feature"),
    [
        *((f"<{tag}>", slug) for tag, slug in features.TAGS.items()),
        *((f"<p {name}=x>", slug) for name, slug in features.ATTRIBUTES.items()),
        *((f"<input type={kind}>", slug) for kind, slug in features.INPUTS.items()),
        *((f"<button type={kind}>", slug) for kind, slug in features.BUTTONS.items()),
        *(
            (f"<img src='https://x.example/a.{end}?b'>", slug)
            for end, slug in features.IMAGES.items()
        ),
        ("<a href='mailto:a@b.example'>", "html-mailto-links"),
        ("<a href='#a'>", "html-anchor-links"),
        ("<meta name=color-scheme content=dark>", "html-meta-color-scheme"),
        ("<img src='data:image/png;base64,AA=='>", "image-base64"),
        ("<p style='background:url(a.webp)'>", "image-webp"),
    ],
)
def test_html_is_recognised(html: str, feature: str) -> None:
    from msa.lint.clients import _in_html
    from msa.lint.draft import Draft

    [page] = Draft(b"Content-Type: text/html\r\n\r\n" + html.encode()).pages

    assert feature in _in_html(page, KNOWN.titles)


def test_a_family_means_the_platforms_that_people_use() -> None:
    assert resolve(["gmail"]) == ("gmail.android", "gmail.desktop-webmail", "gmail.ios")
    assert resolve(["gmail.mobile-webmail", "hey"]) == (
        "gmail.mobile-webmail",
        "hey.desktop-webmail",
    )
    assert {"gmail", "outlook", "hey"} <= set(families())


def test_an_unknown_client_is_named() -> None:
    with pytest.raises(ValueError, match="no mail client 'gmial'; there are aol, "):
        resolve(["gmial"])


def test_only_the_chosen_clients_count() -> None:
    grid = "<p style='display:grid'>x"

    assert of(grid, clients=("apple-mail", "gmail.desktop-webmail")) == []
    assert [one.text for one in of(grid, clients=("outlook", "gmail"))] == [
        "display:grid does not work in Outlook (Windows)"
    ]


def test_a_family_whose_clients_all_lack_it_is_named_alone() -> None:
    [finding] = of("<svg></svg>", clients=("gmail", "outlook.windows"))

    assert finding.text == "Embedded <svg> image does not work in Gmail and Outlook"


def test_decoration_and_partial_support_are_told_before_production_only() -> None:
    html = "<p style='border-radius:4px'><b style='display:grid'>x</b></p>"

    assert [one.severity for one in of(html, clients=("gmail", "outlook.windows"))] == ["warning"]
    assert of(html, clients=("gmail",)) == []
    assert [one.text for one in of(html, clients=("gmail",), profile="prod")] == [
        "display:grid works only in part in Gmail (Android, iOS)"
    ]


def test_a_feature_is_told_once() -> None:
    assert len(of("<p style='display:grid'>x</p>" * 3)) == 1
