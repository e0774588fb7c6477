"""LNK: where the links of a message lead."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.html import Page, Reference
from msa.lint.html.features import words
from msa.lint.rule import Rule, rule
from msa.message.decoding import encoded_offsets
from msa.message.tree import Part, Span

MAX_TARGETS = 1_000  # addresses of one message that are looked at
MAX_URL = 2_048  # characters of one that are read; browsers and proxies cut longer ones

_IN_TEXT = re.compile(rb"https?://[^\s<>\"\x00-\x20]{1,2048}", re.IGNORECASE)
_TRAILING = b".,;:!?)]}'"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30}):", re.IGNORECASE)
_UNFILLED = re.compile(r"\{\{|\{%|%%|\*\||\$\{|<%")  # BOD011 tells the cause
_ACTIVE = frozenset(("javascript", "vbscript", "data", "file"))
_WEB = frozenset(("http", "https"))
_DEV_SUFFIXES = (".localhost", ".local", ".test", ".invalid", ".internal", ".lan", ".localdomain")
_TUNNELS = (
    *(".ngrok.io", ".ngrok.app", ".ngrok-free.app", ".ngrok.dev", ".loca.lt", ".serveo.net"),
    *(".trycloudflare.com", ".localtunnel.me", ".devtunnels.ms", ".lhr.life", ".tunnelmole.net"),
)
# The free ones that anybody can point anywhere; filters count them (SpamAssassin URL_SHORTENER).
_SHORTENERS = words(
    "bit.ly bitly.com buff.ly cutt.ly goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly shorturl.at"
    " soo.gd t.co t.ly tiny.cc tinyurl.com v.gd"
)
_SHOWN_URL = re.compile(
    r"(?:(?:https?://)(?:[^\s/@]{0,100}@)?|(?=www\.))([a-z0-9.-]{1,253})(?::\d{1,5})?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_SECOND_LEVEL = words("ac co com edu gov net or org")  # of countries: co.uk, com.au
_UNSUBSCRIBE = re.compile(
    r"unsubscri|opt.?out|preferences|abmelden|abbestell|austragen|d[eé]sabonn|d[eé]sinscri"
    r"|cancelar|darse? de baja|annulla|disiscri|afmelden|uitschrijven|avregistrer|avsluta|afmeld"
    r"|wypisz|отписат|配信停止|退订|取消订阅",
    re.IGNORECASE,
)


class Target(NamedTuple):
    """An address of the web and where the message names it."""

    url: str
    parts: SplitResult
    reference: Reference | None  # None: it stands in the plain text
    page: Page | None
    part: Part
    start: int = 0  # in the plain text, decoded

    @property
    def host(self) -> str:
        """The host in lower case, without a final dot."""
        return host_of(self.parts)


def span_of(draft: Draft, target: Target) -> Span:
    """Return the octets where an address is written."""
    if target.page is not None and target.reference is not None:
        return target.page.element_span(target.reference.element, target.reference.attribute)
    ends = [target.start, target.start + len(target.url) - 1]
    first, last = encoded_offsets(draft.message, target.part, ends)
    return Span(first, min(last + 1, target.part.body.end))


@lru_cache(maxsize=512)
def split(url: str) -> SplitResult | None:
    """Take an address apart; None when it can't be."""
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def host_of(parts: SplitResult) -> str:
    """Return the host in lower case, without a final dot; "" without one."""
    return (parts.hostname or "").rstrip(".")


def web_targets(draft: Draft) -> tuple[Target, ...]:
    """Return the http and https addresses of the message, each once: text, then HTML."""
    found: dict[str, Target] = {}
    for target in islice(_all_targets(draft), MAX_TARGETS):
        found.setdefault(target.url, target)
    return tuple(found.values())


def _all_targets(draft: Draft) -> Iterator[Target]:
    for page in draft.pages:
        for reference in page.references:
            parts = split(reference.url) if len(reference.url) <= MAX_URL else None
            if parts is not None and parts.scheme in _WEB and _is_sound(reference.url):
                yield Target(reference.url, parts, reference, page, page.part)
    for part in draft.parts:
        if part.type == "text/plain" and not draft.is_attached(part):
            for found in _IN_TEXT.finditer(draft.octets(part)):
                url = found[0].rstrip(_TRAILING).decode("ascii", "replace")
                parts = split(url)
                if parts is not None and parts.hostname:
                    yield Target(url, parts, None, None, part, found.start())


@rule(
    "LNK001",
    "link-malformed",
    Severity.ERROR,
    "RFC 3986 section 3",
    fix="Write the whole address: https://shop.example/orders/1.",
)
def link_malformed(draft: Draft) -> Iterator[Flaw]:
    """A link is relative, empty, without a scheme, or no address at all.

    A mail has no page that a path could be relative to: "/reset?t=1", "//cdn.example/x" and
    "www.example.com" lead nowhere, or into the mail program. It happens when a template is
    rendered outside of a web request.

    Build links from a configured base address, never from the current request.
    """
    for page in draft.pages:
        names: set[str] | None = None
        for reference in page.references[:MAX_TARGETS]:
            if reference.attribute == "srcset" or _UNFILLED.search(reference.url):
                continue
            flaw = _malformed(reference)
            if flaw is None and len(reference.url) > 1 and reference.url[0] == "#":
                names = names or _names(page)
                if reference.url[1:] not in names and reference.is_link:
                    flaw = "leads to a place that the HTML doesn't have"
            if flaw is not None:
                span = page.element_span(reference.element, reference.attribute)
                text = f"the address {_shown(reference.url)} {flaw}"
                yield draft.flaw(text, *span, page.part)


def _names(page: Page) -> set[str]:
    return {
        each.attributes[name]
        for each in page.elements
        for name in ("id", "name")
        if name in each.attributes
    }


def _malformed(reference: Reference) -> str | None:
    url = reference.url
    if url in ("", "#"):
        return "is empty"
    scheme = _SCHEME.match(url)
    if url[0] == "#":
        return None
    if scheme is None or url.lower().startswith(("localhost:", "www.")):
        return "is relative" if url[0] in "/.?" else "has no scheme"
    name = scheme[1].lower()
    if name == "mailto" and "@" not in url and "?" not in url:
        return "names nobody"
    return "is malformed" if name in _WEB and not _is_sound(url) else None


def _is_sound(url: str) -> bool:
    parts = split(url[:MAX_URL])
    return parts is not None and bool(parts.hostname) and not _has_bad_characters(url)


def _has_bad_characters(url: str) -> bool:
    return any(character in url for character in ' \t\r\n"<>\\^`{|}')


@rule(
    "LNK002",
    "link-to-development-host",
    Severity.INFO,
    "RFC 6761 section 6",
    fix="Set the base address of links for each environment.",
    profiles={"prod": Severity.ERROR},
)
def development_host(draft: Draft) -> Iterator[Flaw]:
    """A link leads to a development machine: localhost, a private address, a tunnel.

    While you develop that is right (an info); in real mail it is a link that works for nobody
    (an error in the profiles prod and strict).

    Take the base address of links from the configuration, and check it where you deploy.
    """
    for target in web_targets(draft):
        if is_development(target.host):
            text = f"the address {_shown(target.url)} leads to a development host"
            yield draft.flaw(text, *span_of(draft, target), target.part)


@lru_cache(maxsize=512)
def is_development(host: str) -> bool:
    """Say whether a host is nobody's but the developer's."""
    if host == "localhost" or host.endswith(_DEV_SUFFIXES) or host.endswith(_TUNNELS):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host and "%" not in host


@rule(
    "LNK003",
    "link-shows-another-domain",
    Severity.WARNING,
    "practice: filters against phishing",
    fix="Show words instead of an address, or link to the address that is shown.",
)
def shows_another(draft: Draft) -> Iterator[Flaw]:
    """A link shows the address of one site and leads to another.

    It is how phishing works, and filters and some clients warn of it. Click tracking does it by
    accident: the text says https://bank.example, the link goes to the tracker.

    Let links read "Your order", not an address, or track on a host of your own domain.
    """
    for page in draft.pages:
        for reference in islice(page.links, MAX_TARGETS):
            shown = _SHOWN_URL.fullmatch(reference.text)
            parts = split(reference.url[:MAX_URL])
            if shown is None or parts is None or parts.scheme not in _WEB:
                continue
            host = host_of(parts)
            if _site(shown[1].lower().rstrip(".")) != _site(host):
                text = f"the link shows {_shown(reference.text)} and leads to {_shown(host)}"
                yield draft.flaw(text, *page.element_span(reference.element, "href"), page.part)


def _site(host: str) -> str:
    """Return the part of a host that one owner has, near enough: two labels, or three."""
    labels = host.split(".")
    size = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-size:])


@rule(
    "LNK004",
    "link-runs-code",
    Severity.ERROR,
    "practice: mail clients remove it",
    fix="Link to a page: https://shop.example/orders/1.",
)
def runs_code(draft: Draft) -> Iterator[Flaw]:
    """A link begins with javascript:, vbscript:, data: or file:.

    Clients remove such links, and filters take them for an attack: the button does nothing, and
    the message may never arrive.

    Link to a page on your site. An image as data: is another matter, see BOD005.
    """
    for page in draft.pages:
        for reference in page.references[:MAX_TARGETS]:
            scheme = _SCHEME.match("".join(reference.url[:40].split()))
            name = "" if scheme is None else scheme[1].lower()
            if name not in _ACTIVE or (name == "data" and not reference.is_link):
                continue
            span = page.element_span(reference.element, reference.attribute)
            yield draft.flaw(f"the address begins with {name}:", *span, page.part)


@rule(
    "LNK005",
    "link-suspicious",
    Severity.WARNING,
    "practice: SpamAssassin NORMAL_HTTP_TO_IP, URL_SHORTENER",
    fix="Link with https to a name of your own domain, on its usual port.",
)
def suspicious(draft: Draft) -> Iterator[Flaw]:
    """An address looks like one of a spammer: http, a bare number, a shortener, a login in it.

    Without TLS clients warn, or load no image. A number instead of a name, a strange port,
    "user@" before the host, a percent sign in the host and a free shortener all hide who is
    there, and filters count them.

    Use https and your own name; make short links on your own domain.
    """
    for target in web_targets(draft):
        if is_development(target.host):
            continue  # LNK002 says so
        why = _suspicion(target)
        if why is not None:
            text = f"the address {_shown(target.url)} {why}"
            yield draft.flaw(text, *span_of(draft, target), target.part)


def _suspicion(target: Target) -> str | None:
    parts, host = target.parts, target.host
    port = parts.port
    if "@" in parts.netloc:
        return "has a login before its host"
    if "%" in host:
        return "has a percent sign in its host"
    if _is_number(host):
        return "has a number in place of a name"
    if host.removeprefix("www.") in _SHORTENERS:
        return "is of a link shortener"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        return f"has the unusual port {port}"
    return "is without TLS" if parts.scheme == "http" else None


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit() or host.startswith("0x")
    return True


@rule(
    "LST006",
    "unsubscribe-link-missing",
    Severity.WARNING,
    "practice: Gmail, Yahoo and Microsoft sender guidelines",
    fix="Put a link that says Unsubscribe at the end of the message.",
    profiles={"txn": None, "prod": None},
)
def unsubscribe_missing(draft: Draft) -> Iterator[Flaw]:
    """Bulk mail has no link in its body that ends the subscription.

    Besides the List-Unsubscribe field the big providers ask for a link that people can see; who
    doesn't find one presses "Spam". Without a Feedback-ID field (an info) Gmail can't tell you
    which of your campaigns people complain about.

    Link to a page where one click is enough. Only the profile bulk asks for it.
    """
    if not any(map(_unsubscribes, draft.pages)) and not _unsubscribes_in_text(draft):
        yield draft.flaw("the body has no link to unsubscribe", *draft.root.body)
    if "feedback-id" not in draft.fields:
        text = "there is no Feedback-ID field"
        yield draft.flaw(text, 0, 0, severity=Severity.INFO)


def _unsubscribes(page: Page) -> bool:
    return any(
        _UNSUBSCRIBE.search(link.text) or _UNSUBSCRIBE.search(link.url[:MAX_URL])
        for link in islice(page.links, MAX_TARGETS)
    )


def _unsubscribes_in_text(draft: Draft) -> bool:
    """Say whether a message of text alone has both the word and an address."""
    return not draft.pages and any(
        part.type == "text/plain"
        and _IN_TEXT.search(draft.octets(part)) is not None
        and _UNSUBSCRIBE.search(draft.text(part)) is not None
        for part in draft.parts
    )


def _shown(url: str) -> str:
    return f'"{ascii(url[:80])[1:-1]}"'


RULES: tuple[Rule, ...] = (
    link_malformed,
    development_host,
    shows_another,
    runs_code,
    suspicious,
    unsubscribe_missing,
)
