"""Tells why a case has its outcome: each rule in turn, and the first thing that keeps it from
applying. For a person at a terminal, one line each.
"""

from collections.abc import Generator, Iterator

from sandbox_mta.mta.exchanger import Outcome
from sandbox_mta.mta.scenario.answer import Case
from sandbox_mta.mta.scenario.deciding import REFUSING_HOSTS, Scenario
from sandbox_mta.mta.scenario.rules import Rule


def explain(scenario: Scenario, case: Case) -> Generator[str, None, Outcome]:
    """Yield lines, and return the outcome, which `scenario` itself decides in the end."""
    yield (
        f"{case.path} from <{case.recipient.reverse_path}>, attempt {case.attempt}"
        f" at {case.exchanger.host}, {case.now:%Y-%m-%d %H:%M:%S}"
    )
    asked = scenario.asked(case.recipient)
    if case.exchanger.host in REFUSING_HOSTS:
        yield "  nobody listens at this host of the built-in zone"
    elif asked is not None:
        yield f"  asked for: {asked.rule}; no rule is looked at"
    else:
        yield from _rules(scenario, case)
    outcome = scenario(case.recipient, case.exchanger, case.attempt, case.now)
    reply = str(outcome.reply).replace("\n", " / ")
    took = f", after {outcome.took.total_seconds():g} s" if outcome.took else ""
    yield f"  = {reply} (at {outcome.stage}{took}; decided by {outcome.rule})"
    return outcome


def _rules(scenario: Scenario, case: Case) -> Iterator[str]:
    rules = scenario.rules
    if not rules.rules:
        yield "  there are no rules"
    is_decided = False
    for rule in rules.rules:
        where = f'  line {rule.line}, rule "{rule.name}":'
        if is_decided and not rule.slower:
            yield f"{where} not looked at, the outcome is decided"
            continue
        obstacle = _obstacle(rule, case)
        if obstacle is not None:
            yield f"{where} no, {obstacle}"
            continue
        effect = f", slower by {rule.slower.total_seconds():g} s" if rule.slower else ""
        decides = rule.play is not None and not is_decided
        is_decided = is_decided or decides
        yield f"{where} {'decides' if decides else 'applies'}{effect}{_drawn(rule, case)}"
    if not is_decided:
        yield "  no rule decides: the default"


def _obstacle(rule: Rule, case: Case) -> str | None:
    """Return what keeps a rule from applying; None: it applies."""
    return next(
        (
            match.tells(case, rule.name)
            for match in rule.matches
            if not match.holds(case, rule.name)
        ),
        None,
    )


def _drawn(rule: Rule, case: Case) -> str:
    return f" ({drawn.strip()})" if (drawn := rule.draws(case)) else ""
