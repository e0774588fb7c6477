"""Lint: what is wrong with a message, where, why it matters and how to mend it.

It judges the octets as they were submitted, before anything is fixed.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from msa.envelope import Envelope
from msa.lint import (
    address,
    addressee,
    ambiguity,
    attachment,
    authentication,
    body,
    charset,
    encoding,
    envelope,
    field,
    header,
    identification,
    injection,
    link,
    mailing_list,
    markup,
    mime,
    multipart,
    optional,
    security,
)
from msa.lint import (
    clients as mail_clients,
)
from msa.lint.budget import Budget, Clock, budget_exceeded, exceeded
from msa.lint.choice import chosen
from msa.lint.draft import Draft
from msa.lint.facts import NOTHING, Facts
from msa.lint.finding import MAX_EVIDENCE, Finding, Flaw, Severity
from msa.lint.options import DEFAULTS, LintOptions
from msa.lint.profile import Profile, severity_in
from msa.lint.rule import Rule

__all__ = [
    "RULES",
    "Draft",
    "Finding",
    "Flaw",
    "LintOptions",
    "Rule",
    "Severity",
    "inspect",
    "lint",
    "run",
]

MAX_TEXT = 300  # characters of a finding's text; a field's name, quoted in it, may be endless
MAX_FINDINGS = 20  # of one rule for one message; whoever mends twenty mends the rest

RULES: tuple[Rule, ...] = (
    *envelope.RULES,
    *header.RULES,
    *identification.RULES,
    *field.RULES,
    *optional.RULES,
    *address.RULES,
    *addressee.RULES,
    *mime.RULES,
    *multipart.RULES,
    *attachment.RULES,
    *charset.RULES,
    *encoding.RULES,
    *body.RULES,
    *markup.RULES,
    *mail_clients.RULES,
    *link.RULES,
    *mailing_list.RULES,
    *authentication.RULES,
    *security.RULES,
    *injection.RULES,
    *ambiguity.RULES,
)

log = logging.getLogger(__name__)

Judged = tuple[Rule, Flaw, Severity]


def lint(
    content: bytes,
    envelope: Envelope | None = None,
    options: LintOptions = DEFAULTS,
    *,
    facts: Facts = NOTHING,
    look_up: Callable[[Draft], None] = lambda draft: None,
    rules: Sequence[Rule] = RULES,
    **choices: Any,
) -> tuple[Finding, ...]:
    """Return what the rules find, in the order of `rules`; never raises, whatever the octets.

    `choices` are options that differ from `options`, for example `profile="prod"`. `facts` is what
    somebody found out before, `look_up` adds what DNS says (`Gatherer.add_to`). Without an envelope
    the rules about it are silent, and a content whose lines all end in LF is taken for a file of a
    Unix system.
    """
    if choices:
        options = replace(options, **choices)
    try:
        draft = Draft(
            content, envelope, profile=options.profile, facts=facts, clients=options.clients
        )
    except Exception:
        log.exception("the message could not be parsed: a bug of ours")
        return ()
    look_up(draft)
    return inspect(draft, options, rules=rules)


def inspect(
    draft: Draft,
    options: LintOptions = DEFAULTS,
    *,
    rules: Sequence[Rule] = RULES,
    clock: Clock = time.monotonic,
) -> tuple[Finding, ...]:
    """Lint a message that is parsed already, for those who need the draft themselves."""
    budget = Budget(options.budget_s, clock)
    plan = _plan(options) if rules is RULES else _heard(rules, options)
    flaws: list[Judged] = []
    for number, rule in enumerate(plan):
        if spent := budget.spent(draft):
            told = exceeded(spent, plan[:number], plan[number:])
            flaws.append((budget_exceeded, told, Severity.WARNING))
            break
        try:
            found = rule.check(draft)
            # Most rules find nothing: this is a third of what a clean message costs.
            if (first := next(found, None)) is not None:
                flaws += _judged(rule, _bounded(chain((first,), found)), options.profile)
        except Exception:
            log.exception("rule %s failed: a bug of ours", rule.code)
    return _placed(draft.content, flaws)


@lru_cache(maxsize=64)
def _plan(options: LintOptions) -> Sequence[Rule]:
    return _heard(RULES, options)


def _heard(rules: Sequence[Rule], options: LintOptions) -> Sequence[Rule]:
    """Return the rules that run: a silent one need not, whatever it would find."""
    return [
        rule
        for rule in chosen(rules, options)
        if severity_in(options.profile, rule.severity, rule.profiles) is not None
    ]


def _judged(rule: Rule, flaws: Iterable[Flaw], profile: Profile) -> Iterator[Judged]:
    for flaw in flaws:
        severity = severity_in(profile, flaw.severity or rule.severity, rule.profiles)
        if severity is not None:
            yield rule, flaw, severity


def run(rule: Rule, draft: Draft) -> list[Flaw]:
    """Run one rule, at most MAX_FINDINGS flaws; what the rule raises comes through."""
    return _bounded(rule.check(draft))


def _bounded(found: Iterator[Flaw]) -> list[Flaw]:
    flaws = list(islice(found, MAX_FINDINGS + 1))
    if len(flaws) <= MAX_FINDINGS:
        return flaws
    last = flaws[MAX_FINDINGS - 1]
    text = f"{last.text} (only the first {MAX_FINDINGS} are listed)"
    cut = Flaw(text, last.offset, last.part, last.evidence, last.severity)
    return [*flaws[: MAX_FINDINGS - 1], cut]


def _placed(content: bytes, flaws: Sequence[Judged]) -> tuple[Finding, ...]:
    places = _places(content, {flaw.offset for _, flaw, _ in flaws if flaw.offset is not None})
    return tuple(_finding(*judged, places) for judged in flaws)


def _finding(
    rule: Rule, flaw: Flaw, severity: Severity, places: dict[int, tuple[int, int]]
) -> Finding:
    line, column = (None, None) if flaw.offset is None else places[flaw.offset]
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=severity,
        text=_printable(flaw.text[:MAX_TEXT]),
        part=flaw.part,
        offset=flaw.offset,
        line=line,
        column=column,
        evidence=_escaped(flaw.evidence[:MAX_EVIDENCE]),
        reference=rule.reference,
        fix=rule.fix,
    )


def _printable(text: str) -> str:
    # Rules quote what is hostile, and not one of them may forget it.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _places(content: bytes, offsets: set[int]) -> dict[int, tuple[int, int]]:
    """Return line and column of each offset, in one pass and without a table of lines."""
    places: dict[int, tuple[int, int]] = {}
    line, counted = 1, 0
    for offset in sorted(offsets):
        line += content.count(b"\n", counted, offset)
        counted = offset
        places[offset] = line, offset - content.rfind(b"\n", 0, offset)
    return places


def _escaped(octets: bytes) -> str:
    r"""Spell octets printably: "\r\n", "\xe9", and a backslash as "\\"."""
    return octets.decode("latin-1").encode("unicode_escape").decode("ascii")
