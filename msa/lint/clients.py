"""BOD: what the mail clients of the recipients can't show (caniemail.com)."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import lru_cache

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.html import Css, Element, Page, Reference, Sheet
from msa.lint.html.features import ATTRIBUTES, BUTTONS, ESSENTIAL, HARMLESS, IMAGES, INPUTS, TAGS
from msa.lint.html.support import support
from msa.lint.rule import Rule, rule

_SPECIAL = frozenset(("input", "button", "meta"))
_SUFFIXES = re.compile(r"\.([A-Za-z0-9]{2,5})(?=[?#\n]|\Z)")
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
        for feature, (element, attribute) in _in_html(page, _told(draft)).items():
            text, severity = _told(draft)[feature]
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
        for feature, (within, line, column) in _in_css(page, _told(draft)).items():
            text, severity = _told(draft)[feature]
            span = page.css_span(within, line, column)
            yield draft.flaw(text, *span, page.part, severity=severity)


Told = Mapping[str, tuple[str, Severity]]  # by feature: what is said about it, and how bad it is


def _told(draft: Draft) -> Told:
    return _verdicts(draft.clients, draft.profile in ("prod", "strict"))


@lru_cache(maxsize=32)
def _verdicts(clients: tuple[str, ...], thorough: bool) -> Told:
    """Return what is told of each feature that some client lacks, if it is worth telling."""
    known = support(clients)
    told: dict[str, tuple[str, Severity]] = {}
    for feature in known.titles.keys() - HARMLESS:
        essential = feature in ESSENTIAL
        lacking, partial = known.lacking.get(feature), known.partial.get(feature)
        if lacking and (essential or thorough):
            severity = Severity.WARNING if essential else Severity.INFO
            told[feature] = f"{known.titles[feature]} does not work in {lacking}", severity
        elif partial and essential and thorough:
            text = f"{known.titles[feature]} works only in part in {partial}"
            told[feature] = text, Severity.INFO
    return told


def _in_html(page: Page, told: Container[str]) -> dict[str, tuple[Element, str]]:
    """Return where each feature of some is used first: an element, or an attribute of it."""
    tags = {tag for tag in page.tags if TAGS.get(tag) in told or tag in _SPECIAL}
    names = {name for name in page.attribute_names if ATTRIBUTES.get(name) in told}
    found: dict[str, tuple[Element, str]] = {}
    for element in page.elements if tags or names else ():
        if element.tag in tags:
            for feature in (TAGS.get(element.tag), _special(element)):
                if feature in told and feature is not None:
                    found.setdefault(feature, (element, ""))
        for name in names & element.attributes.keys():
            found.setdefault(ATTRIBUTES[name], (element, name))
    for feature, reference in _in_references(page, told):
        found.setdefault(feature, (reference.element, reference.attribute))
    return found


def _in_references(page: Page, told: Container[str]) -> Iterator[tuple[str, Reference]]:
    to_links = "html-anchor-links" in told or "html-mailto-links" in told
    suffixes = {IMAGES.get(suffix.lower()) for suffix in _SUFFIXES.findall(page.loaded)}
    if not to_links and not any(suffix in told for suffix in suffixes) and not _inline(page, told):
        return
    for reference in page.references:
        if reference.attribute != "href":
            kind = _image_format(reference)
        else:
            kind = _link_kind(reference) if to_links else None
        if kind is not None and kind in told:
            yield kind, reference


def _inline(page: Page, told: Container[str]) -> bool:
    return "image-base64" in told and "data:image/" in page.loaded.lower()


def _in_css(page: Page, told: Container[str]) -> dict[str, tuple[Element | Sheet, int, int]]:
    """Return where each feature of some is used first: a sheet or element, line and column."""
    found: dict[str, tuple[Element | Sheet, int, int]] = {}
    for element in page.elements if "link" in page.tags and "html-link" in told else ():
        if element.tag == "link" and "stylesheet" in element.attributes.get("rel", "").lower():
            found.setdefault("html-link", (element, 0, 0))
    read: Sequence[tuple[Element | Sheet, Css]] = (*page.sheets, *page.styles)
    for within, css in read:
        for use in css.uses:
            if use.feature in told and use.feature not in found:
                found[use.feature] = within, use.line, use.column
    return found


def _special(element: Element) -> str | None:
    """Return the feature that an element is by one of its attributes."""
    tag, attributes = element.tag, element.attributes
    if tag == "input":
        return INPUTS.get(attributes.get("type", "text").lower())
    if tag == "button":
        return BUTTONS.get(attributes.get("type", "submit").lower())
    if tag == "meta" and attributes.get("name", "").lower() == "color-scheme":
        return "html-meta-color-scheme"
    return None


def _link_kind(reference: Reference) -> str | None:
    if reference.url.startswith("#"):
        return "html-anchor-links"
    return "html-mailto-links" if reference.url[:7].lower() == "mailto:" else None


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
