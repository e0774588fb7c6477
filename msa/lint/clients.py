"""BOD: what the mail clients of the recipients can't show (caniemail.com)."""

import re
from collections.abc import Iterator, Sequence

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.html import Css, Element, Page, Reference, Sheet
from msa.lint.html.features import ATTRIBUTES, BUTTONS, ESSENTIAL, HARMLESS, IMAGES, INPUTS, TAGS
from msa.lint.html.support import support
from msa.lint.rule import Rule, rule

_SUFFIX = re.compile(r"\.([a-z0-9]{2,5})(?:[?#]|$)", re.IGNORECASE)


@rule(
    "BOD005",
    "html-unsupported",
    Severity.WARNING,
    "caniemail.com",
    fix="Use plain tables, text, links and PNG, JPEG or GIF images, or add a fallback.",
)
def html_unsupported(draft: Draft) -> Iterator[Flaw]:
    """The HTML has an element, an attribute or an image format that some mail client can't show.

    Each is told once, with the clients that lack it in their newest version, as caniemail's data
    says. Which clients count is a setting; usual are Gmail, Outlook, Apple Mail and Yahoo. What
    merely makes a message plainer (a ruby, a marquee) is an info, in the profiles prod and strict
    only, as is what a client does in part. What nobody misses (a lazy image, a role) isn't told.

    Offer what works everywhere, and let the better clients improve on it.
    """
    for page in draft.pages:
        for feature, (element, attribute) in _in_html(page).items():
            for text, severity in _verdict(draft, feature):
                span = page.element_span(element, attribute)
                yield draft.flaw(text, *span, page.part, severity=severity)


@rule(
    "BOD006",
    "css-unsupported",
    Severity.WARNING,
    "caniemail.com",
    fix="Lay out with tables, give sizes in px, and write styles into style attributes.",
)
def css_unsupported(draft: Draft) -> Iterator[Flaw]:
    """The CSS needs something that some mail client can't do: grid, flex, variables, position.

    Each is told once, at its first place outside of @media and @supports, with the clients that
    lack it in their newest version, as caniemail's data says. Mere decoration (round corners,
    shadows, web fonts, hover) is an info, in the profiles prod and strict only, as is what a
    client does in part. An external style sheet is not loaded by most clients.

    Write tables and inline styles; what stands inside @media is an extra for those who can.
    """
    for page in draft.pages:
        for feature, (within, line, column) in _in_css(page).items():
            for text, severity in _verdict(draft, feature):
                span = page.css_span(within, line, column)
                yield draft.flaw(text, *span, page.part, severity=severity)


def _verdict(draft: Draft, feature: str) -> Iterator[tuple[str, Severity]]:
    """Yield what the chosen clients lack of a feature, if it is worth telling."""
    if feature in HARMLESS:
        return
    known = support(draft.clients)
    essential = feature in ESSENTIAL
    thorough = draft.profile in ("prod", "strict")
    if feature in known.lacking and (essential or thorough):
        severity = Severity.WARNING if essential else Severity.INFO
        text = f"{known.titles[feature]} does not work in {known.lacking[feature]}"
        yield text, severity
    elif essential and thorough and feature in known.partial:
        text = f"{known.titles[feature]} works only in part in {known.partial[feature]}"
        yield text, Severity.INFO


def _in_html(page: Page) -> dict[str, tuple[Element, str]]:
    """Return where each feature is used first: an element, or an attribute of it."""
    found: dict[str, tuple[Element, str]] = {}
    for element in page.elements:
        tag, attributes, _ = element
        for feature in (TAGS.get(tag), _special(element)):
            if feature is not None and feature not in found:
                found[feature] = element, ""
        for name in attributes:
            named = ATTRIBUTES.get(name)
            if named is not None and named not in found:
                found[named] = element, name
    for reference in page.references:
        image = _image_format(reference)
        if image is not None and image not in found:
            found[image] = reference.element, reference.attribute
    return found


def _in_css(page: Page) -> dict[str, tuple[Element | Sheet, int, int]]:
    """Return where each feature is used first: in a sheet or an element, at a line and column."""
    found: dict[str, tuple[Element | Sheet, int, int]] = {}
    for element in page.elements:
        if element.tag == "link" and "stylesheet" in element.attributes.get("rel", "").lower():
            found.setdefault("html-link", (element, 0, 0))
    read: Sequence[tuple[Element | Sheet, Css]] = (*page.sheets, *page.styles)
    for within, css in read:
        for use in css.uses:
            if use.feature not in found:
                found[use.feature] = within, use.line, use.column
    return found


def _special(element: Element) -> str | None:
    """Return the feature that an element is by one of its attributes."""
    tag, attributes, _ = element
    if tag == "a":
        href = attributes.get("href", "").lstrip()
        if href.startswith("#"):
            return "html-anchor-links"
        return "html-mailto-links" if href[:7].lower() == "mailto:" else None
    if tag == "input":
        return INPUTS.get(attributes.get("type", "text").lower())
    if tag == "button":
        return BUTTONS.get(attributes.get("type", "submit").lower())
    if tag == "meta" and attributes.get("name", "").lower() == "color-scheme":
        return "html-meta-color-scheme"
    return None


def _image_format(reference: Reference) -> str | None:
    if reference.attribute != "src":
        if reference.attribute not in ("style", "", "background"):
            return None
    elif reference.element.tag != "img":
        return None  # a video, or one of several sources
    if reference.url[:11].lower() == "data:image/":
        return "image-base64"
    suffix = _SUFFIX.search(reference.url[-200:])
    return None if suffix is None else IMAGES.get(suffix[1].lower())


RULES: tuple[Rule, ...] = (html_unsupported, css_unsupported)
