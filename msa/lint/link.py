"""LNK: where the links of a message lead."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice

from msa.lint.draft import Draft
from msa.lint.facts import LinkAnswer
from msa.lint.finding import Flaw, Severity
from msa.lint.html import Page, Reference
from msa.lint.html.features import words
from msa.lint.rule import Rule, rule
from msa.lint.target import MAX_TARGETS, MAX_URL, Authority, host_of

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30}):", re.IGNORECASE)
_UNFILLED = re.compile(r"\{\{|\{%|%%|\*\||\$\{|<%")  # BOD011 tells the cause
_ACTIVE = frozenset(("javascript", "vbscript", "data", "file"))
_TURNED_AWAY = frozenset((401, 403, 429))
_PORTS = {"http": 80, "https": 443}
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
_MAY_SHOW_URL = re.compile(r"://|www\.", re.IGNORECASE)
_SECOND_LEVEL = words("ac co com edu gov net or org")  # of countries: co.uk, com.au
_UNSUBSCRIBE = words(
    "unsubscri opt-out optout opt_out preferences abmelden abbestell austragen désabonn desabonn"
    " désinscri desinscri cancelar baja annulla disiscri afmelden uitschrijven avregistrer avsluta"
    " afmeld wypisz отписат 配信停止 退订 取消订阅"
)


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
    for page, found in draft.surveys:
        names: set[str] | None = None
        for reference in found.strange:
            if reference.attribute == "srcset" or _UNFILLED.search(reference.url):
                continue
            flaw = _malformed(reference)
            if flaw is None and len(reference.url) > 1 and reference.url[0] == "#":
                names = _names(page) if names is None else names
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
    return "is malformed" if name in _PORTS and not host_of(url) else None


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
    for target in draft.targets_of(lambda authority: is_development(authority.host)):
        text = f"the address {_shown(target.url)} leads to a development host"
        yield draft.flaw(text, *target.span(draft.message), target.part)


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
        if not _MAY_SHOW_URL.search(page.link_texts):
            continue
        for reference in islice(page.links, MAX_TARGETS):
            shown = _SHOWN_URL.fullmatch(reference.text)
            host = "" if shown is None else host_of(reference.url)
            if shown is None or not host:
                continue
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
    for page, found in draft.surveys:
        for reference in found.strange:
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
    for target in draft.targets_of(_is_suspicious):
        text = f"the address {_shown(target.url)} {_suspicion(target.authority)}"
        yield draft.flaw(text, *target.span(draft.message), target.part)


def _is_suspicious(authority: Authority) -> bool:
    # Of a development host LNK002 tells.
    return not is_development(authority.host) and _suspicion(authority) is not None


@lru_cache(maxsize=512)
def _suspicion(authority: Authority) -> str | None:
    scheme, has_login, host, port = authority
    if has_login:
        return "has a login before its host"
    if "%" in host:
        return "has a percent sign in its host"
    if _is_number(host):
        return "has a number in place of a name"
    if host.removeprefix("www.") in _SHORTENERS:
        return "is of a link shortener"
    if port is not None and port != _PORTS[scheme]:
        return f"has the unusual port {port}"
    return "is without TLS" if scheme == "http" else None


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit() or host.startswith("0x")
    return True


@rule(
    "LNK006",
    "link-dead",
    Severity.WARNING,
    "RFC 9110 section 15",
    fix="Link to a page that is there, and keep it as long as the mail may be read.",
)
def dead(draft: Draft) -> Iterator[Flaw]:
    """The server of a link answers with an error, or not at all.

    Only when link checks are switched on: then the first 100 addresses of a message are asked,
    after it was accepted. 401, 403 and 429 are infos, since many sites turn programs away, and so
    is an address that is not asked, because it is not of the public internet or time ran out.

    Correct the address. A page behind a login should answer with the login.
    """
    links = draft.facts.links
    for target in draft.targets.values() if links else ():
        answer = links.get(target.url)
        judged = None if answer is None else _judged(answer)
        if judged is not None:
            severity, what = judged
            text = f"the address {_shown(target.url)} {what}"
            span = target.span(draft.message)
            yield draft.flaw(text, *span, target.part, severity=severity)


def _judged(answer: LinkAnswer) -> tuple[Severity, str] | None:
    if not answer.asked:
        return Severity.INFO, f"was not asked: {answer.reason}"
    if answer.status is None:
        return Severity.WARNING, f"can't be reached: {answer.reason}"
    if answer.status < 400:
        return None
    severity = Severity.INFO if answer.status in _TURNED_AWAY else Severity.WARNING
    return severity, f"answers {answer.status}"


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
    links = islice(page.links, MAX_TARGETS)
    return _says_unsubscribe("\n".join(f"{link.text}\n{link.url[:MAX_URL]}" for link in links))


def _says_unsubscribe(text: str) -> bool:
    folded = text.casefold()
    return any(word in folded for word in _UNSUBSCRIBE)


def _unsubscribes_in_text(draft: Draft) -> bool:
    """Say whether a message of text alone has both the word and an address."""
    return (
        not draft.pages
        and bool(draft.targets)
        and any(
            part.type == "text/plain" and _says_unsubscribe(draft.text(part))
            for part in draft.parts
        )
    )


def _shown(url: str) -> str:
    return f'"{ascii(url[:80])[1:-1]}"'


RULES: tuple[Rule, ...] = (
    link_malformed,
    development_host,
    shows_another,
    runs_code,
    suspicious,
    dead,
    unsubscribe_missing,
)
