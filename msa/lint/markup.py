"""BOD: what the HTML of a message is made of."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.html import Element, Hidden, Page
from msa.lint.rule import Rule, rule
from msa.message.tree import Part

MIN_WORDS = 8  # of a text before it is compared with the other one
MIN_SHARED = 0.3  # of the words of the shorter text that the longer one has, too
MAX_STUB = 25  # words; a longer text is no stub, whatever it says
MAX_PREHEADER = 250  # hidden letters at the start; inboxes show about 100 of them
MIN_HIDDEN = 3  # letters of hidden text that count
MAX_COMPARED = 100_000  # characters of a text whose words are compared

_WORD = re.compile(r"[^\W\d_]{4,40}")
_LETTER = re.compile(r"[^\W_]")
_STUB = re.compile(
    r"(?:not|n.t|unable to) (?:support|display|show|view|read|see)|html"
    r"|in (?:your|a) browser|online",
    re.IGNORECASE,
)
_ACTIVE = {
    **dict.fromkeys(
        ("script", "iframe", "frame", "object", "embed", "applet", "meta"), Severity.ERROR
    ),
    # Some clients show forms and send them; others drop the fields.
    "form": Severity.WARNING,
}
_HANDLER = re.compile(r"on[a-z]{3,30}")
_HTML_START = re.compile(rb"\s{0,100}(?:<!doctype html|<html[\s>])", re.IGNORECASE)
_ALT, _SIZES = frozenset(("alt",)), frozenset(("width", "height", "style", "class"))
_BAD_NAME = re.compile("[\"'<]")


@rule(
    "BOD002",
    "alternatives-differ",
    Severity.WARNING,
    "RFC 2046 section 5.1.4",
    fix="Write the same message into the text and into the HTML.",
)
def alternatives_differ(draft: Draft) -> Iterator[Flaw]:
    """The text and the HTML of a multipart/alternative say different things.

    A reader sees one of them, and is to learn the same from either: watches, screen readers and
    previews take the text. "Your client does not support HTML" is no message, and filters count a
    text that has nothing of the HTML as spam.

    Make the text from the same data as the HTML; the template of one is the check of the other.
    """
    for holder in draft.parts:
        if holder.type == "multipart/alternative":
            plain = next((part for part in holder.parts if part.type == "text/plain"), None)
            page = next((page for page in draft.pages if page.part in holder.walk()), None)
            if plain is not None and page is not None:
                yield from _compared(draft, plain, page)


def _compared(draft: Draft, plain: Part, page: Page) -> Iterator[Flaw]:
    text, html = draft.text(plain)[:MAX_COMPARED], page.text[:MAX_COMPARED]
    pieces, html_pieces = set(text.split()), set(html.split())
    if _plainly_alike(pieces, html_pieces):
        return
    said, shown = _words(pieces), _words(html_pieces)
    if len(shown) < MIN_WORDS or not said:
        return  # nothing to compare; an empty text is another rule's
    start, end = plain.body
    if len(said) <= MAX_STUB and len(said & shown) * 2 < len(said) and _STUB.search(text):
        yield draft.flaw("the text only points to the HTML", start, end, plain)
    elif len(said) >= MIN_WORDS:
        shared = len(said & shown) / min(len(said), len(shown))
        if shared < MIN_SHARED:
            told = f"of the words of the text and the HTML only {shared:.0%} are the same"
            yield draft.flaw(told, start, end, plain)


def _plainly_alike(said: set[str], shown: set[str]) -> bool:
    """Say whether most words are the same as they stand: good mail needs no closer look."""
    shared = len(said & shown)
    return shared > MIN_WORDS and shared * 2 > min(len(said), len(shown)) and len(said) > MAX_STUB


def _words(pieces: set[str]) -> set[str]:
    """Return the words that mean something: of four letters, and of no address."""
    spoken = [one for one in pieces if "@" not in one and "://" not in one]
    return {word.casefold() for word in _WORD.findall(" ".join(spoken))}


@rule(
    "BOD004",
    "active-content",
    Severity.ERROR,
    "practice: mail clients remove it",
    fix="Put a link to a web page in its place.",
)
def active_content(draft: Draft) -> Iterator[Flaw]:
    """The HTML holds something that runs or embeds: a script, a frame, a plug-in, a form.

    Mail clients remove scripts, event handlers, frames and plug-ins, and filters take them for an
    attack. A form (a warning) works in some clients only, and asks people to type into a mail.

    Link to a page on your site that does it. For small changes of looks CSS is enough.
    """
    for page in draft.pages:
        handlers = {name for name in page.attribute_names if _HANDLER.fullmatch(name)}
        tags = page.tags & _ACTIVE.keys()
        for element in page.elements if handlers or tags else ():
            if element.tag in tags or handlers:
                yield from _active(draft, page, element, handlers)


def _active(draft: Draft, page: Page, element: Element, handlers: set[str]) -> Iterator[Flaw]:
    severity = _ACTIVE.get(element.tag)
    if severity is not None and (element.tag != "meta" or _refreshes(element)):
        text = f"<{element.tag}> does not work in mail"
        yield draft.flaw(text, *page.element_span(element), page.part, severity=severity)
    for name in handlers & element.attributes.keys():
        text = f'the event handler "{name}" is removed by mail clients'
        yield draft.flaw(text, *page.element_span(element), page.part)


def _refreshes(element: Element) -> bool:
    return element.attributes.get("http-equiv", "").strip().lower() == "refresh"


@rule(
    "BOD008",
    "image-without-alt",
    Severity.WARNING,
    "WCAG 2.2 section 1.1.1",
    fix='Say what the image shows: alt="Acme"; alt="" for mere decoration.',
)
def image_without_alt(draft: Draft) -> Iterator[Flaw]:
    """An image has no alt attribute, or nothing says how large it is.

    Many clients don't load images until asked, and some people can't see them: they get the alt
    text. Without it a screen reader spells the address of the file. An image without a width (an
    info) makes the text jump when it loads, and Outlook shows it as large as the file is.

    Write alt and width on every image. An empty alt is right for lines, spacers and counters.
    """
    for page in draft.pages:
        for element in page.lacking("img", _ALT, _SIZES):
            attributes = element.attributes
            if "alt" not in attributes:
                text = f"the image {_shown(attributes.get('src', ''))} has no alt attribute"
                yield draft.flaw(text, *page.element_span(element), page.part)
            else:
                text = f"nothing says how large the image {_shown(attributes.get('src', ''))} is"
                span = page.element_span(element)
                yield draft.flaw(text, *span, page.part, severity=Severity.INFO)


@rule(
    "BOD009",
    "html-broken",
    Severity.WARNING,
    "HTML section 13.2",
    fix="Close what is open, innermost first; let a validator check the template.",
)
def html_broken(draft: Draft) -> Iterator[Flaw]:
    """The HTML is broken: wrongly nested, not closed, a quote missing, or not HTML at all.

    A browser guesses what was meant, and each mail client guesses differently: one row of a table
    that isn't closed is a message that falls apart in Outlook. A text/plain part that begins with
    "<html>" shows its source to everybody.

    In the profiles prod, strict and bulk a page without doctype, title or language is told, too
    (infos): without a doctype clients lay out as in the 1990s, and the language is what a screen
    reader pronounces.
    """
    for page in draft.pages:
        for broken in page.broken:
            yield draft.flaw(broken.text, *page.span(broken.place, 40), page.part)
        bad_names = set(filter(_BAD_NAME.search, page.attribute_names))
        for element in page.elements if bad_names else ():
            if bad_names & element.attributes.keys():
                text = f"a quote is missing in <{_plain(element.tag)}>"
                yield draft.flaw(text, *page.element_span(element), page.part)
        yield from _cut(draft, page)
        if draft.profile != "txn":
            yield from _formalities(draft, page)
    for part in draft.parts:
        if part.type == "text/plain" and _HTML_START.match(draft.octets(part)):
            yield draft.flaw("the text/plain part is HTML", *part.body, part)


def _cut(draft: Draft, page: Page) -> Iterator[Flaw]:
    """Say where a limit of ours ended the reading."""
    for cap in page.caps:
        text = f"the HTML has too many {cap}; not all of it was looked at"
        yield draft.flaw(text, *page.part.body, page.part, severity=Severity.INFO)


def _formalities(draft: Draft, page: Page) -> Iterator[Flaw]:
    lacking = []
    if not page.has_doctype:
        lacking.append("doctype")
    if not (page.title or "").strip():
        lacking.append("title")
    if not any(each.tag == "html" and each.attributes.get("lang") for each in page.elements):
        lacking.append("language (lang)")
    if lacking:
        text = f"the HTML has no {' and no '.join(lacking)}"
        start = page.part.body.start
        yield draft.flaw(text, start, start, page.part, severity=Severity.INFO)


@rule(
    "BOD010",
    "hidden-text",
    Severity.WARNING,
    "practice: Gmail's sender guidelines",
    fix="Show the text, or leave it out.",
)
def hidden_text(draft: Draft) -> Iterator[Flaw]:
    """Text is hidden: not displayed, of size 0, or in the colour of its background.

    It is what spammers do to look harmless to filters, and Gmail's guidelines forbid it. A short
    preheader at the start, which inboxes show behind the subject, is fine, and so is what a media
    query can show again.

    Remove it. For a preheader, keep to 250 letters and put it first in the body.
    """
    for page in draft.pages:
        if not page.hides or any(css.reveals for _, css in page.sheets):
            continue  # which of it is shown on a telephone can't be told without a browser
        for first in _hidden_blocks(page):
            span = page.span(first.place, len(first.data))
            yield draft.flaw(f"hidden: {_shown(first.data)}", *span, page.part)


def _hidden_blocks(page: Page) -> Iterator[Hidden]:
    """Yield the first text of each hidden stretch that is no preheader."""
    first: Hidden | None = None
    letters, shown_before = 0, False
    for text in (*page.texts, "the end"):
        if isinstance(text, Hidden):
            first = first or text
            letters += len(_LETTER.findall(text.data))
        elif text != "\n" and text.strip():
            if first is not None and letters > (MIN_HIDDEN if shown_before else MAX_PREHEADER):
                yield first
            first, letters, shown_before = None, 0, True


def _shown(text: str) -> str:
    return f'"{_plain(" ".join(text.split())[:60])}"'


def _plain(text: str) -> str:
    return ascii(text)[1:-1]


RULES: tuple[Rule, ...] = (
    alternatives_differ,
    active_content,
    image_without_alt,
    html_broken,
    hidden_text,
)
