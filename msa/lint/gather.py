"""Finding out, before the rules run, what DNS says of a message and its sender."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from msa.auth import arc, canonical, dkim, dmarc, spf
from msa.auth.canonical import Line
from msa.auth.dkim import Signed, Verdict
from msa.auth.exchangers import reach_of
from msa.auth.names import domain_of
from msa.auth.resolver import Bounded, Remembering, Resolver
from msa.auth.signature import Kind
from msa.lint.draft import Draft
from msa.lint.facts import MAX_LINKS, Facts
from msa.ports import LinkProbe

MAX_LOOK_UPS = 200  # for one message: a record of SPF alone may need 10 times 10
MAX_SECONDS = 10.0  # for one message, of waiting for answers
MAX_DOMAINS = 20  # of one message whose exchangers are looked up

log = logging.getLogger(__name__)


class Gatherer:
    """Gathers the facts of a batch of messages; what it heard of a name it doesn't ask again."""

    def __init__(self, resolver: Resolver, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask `resolver`; `clock` gives seconds."""
        self._resolver = Remembering(resolver)
        self._clock = clock

    def add_to(self, draft: Draft, seconds: float = MAX_SECONDS) -> None:
        """Find out what the rules want to know and add it to the draft's facts; never raises.

        What is not answered within `seconds` in all counts as not known.
        """
        bounded = Bounded(self._resolver, look_ups=MAX_LOOK_UPS, seconds=seconds, clock=self._clock)
        try:
            draft.facts = _facts(draft, bounded)
        except Exception:
            log.exception("the facts about a message could not be gathered: a bug of ours")


def ask_links(
    draft: Draft, probe: LinkProbe, budget_s: float, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Ask the first MAX_LINKS links of a message, and add the answers to its facts; never raises.

    `meanwhile` is called every now and then.
    """
    try:
        links = probe.probe(tuple(draft.targets)[:MAX_LINKS], budget_s, meanwhile)
        draft.facts = replace(draft.facts, links=links)
    except Exception:
        log.exception("the links of a message could not be asked: a bug of ours")


def _facts(draft: Draft, resolver: Resolver) -> Facts:
    author, envelope = draft.author_domain, draft.envelope
    spf_domain = author if envelope is None else draft.reverse_path_domain
    sender = "" if envelope is None else envelope.reverse_path
    signers = {reading.domain for _, reading in draft.signatures}
    verdicts, chain = _of_signatures(draft, resolver)
    return replace(
        draft.facts,
        dkim=verdicts,
        arc=chain,
        dmarc=None if author is None else dmarc.discover(author, resolver),
        spf=None if spf_domain is None else spf.analyse(spf_domain, resolver, sender),
        spf_domain=spf_domain or "",
        organisations={
            domain: dmarc.organisation_of(domain, resolver)
            for domain in sorted(filter(None, signers | {spf_domain}))
        },
        reach={domain: reach_of(domain, resolver) for domain in _domains(draft)},
    )


def _of_signatures(draft: Draft, resolver: Resolver) -> tuple[tuple[Verdict, ...], Verdict | None]:
    if not draft.signatures and not any(name in draft.fields for name in arc.NAMES):
        return (), None
    signed = _signed(draft)
    lines = [line for line in signed.lines if line.name == Kind.DKIM][: dkim.MAX_SIGNATURES]
    verdicts = tuple(dkim.verify(signed, line, resolver) for line in lines)
    return verdicts, arc.verify_chain(signed, resolver)


def _signed(draft: Draft) -> Signed:
    """Return the message as it will travel: a file's lines get their CR."""
    content, end_of_line = draft.content, canonical.with_crlf if draft.at_rest else bytes
    lines = [
        Line(each.name.lower(), end_of_line(content[each.start : each.value_end]))
        for each in draft.root.fields
    ]
    return Signed(lines, end_of_line(content[draft.root.body.start :]))


def _domains(draft: Draft) -> list[str]:
    """Return the domains that mail or an answer would go to, each once."""
    found: dict[str, None] = {}
    for _, mailbox in draft.mailboxes:
        domain = domain_of(mailbox.address.decode("utf-8", "replace"))
        if domain is not None and "." in domain and len(found) < MAX_DOMAINS:
            found[domain] = None
    return list(found)
