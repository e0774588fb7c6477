"""Rules and cases, for the tests of scenarios."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox_mta.mta.exchanger import Outcome
from sandbox_mta.mta.mx import Exchanger
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.scenario.language import ScenarioError, read_rules
from sandbox_mta.mta.scenario.message import read_fields
from tests.unit.mta.recipients import QUEUED_AT, queued

MX = Exchanger("mx.example.net", ("192.0.2.9",), 10)


def scenario(text: str) -> Scenario:
    return Scenario(read_rules(text, "scenarios.toml"))


def one_rule(match: str = "", outcome: str = '"bounce"', more: str = "") -> Scenario:
    """Return a scenario of one rule called `x`."""
    return scenario(
        f'seed = "s"\n[[rule]]\nname = "x"\nmatch = {{ {match} }}\noutcome = {outcome}\n{more}'
    )


def outcome_of(
    decide: Scenario,
    rcpt: str = "bob@example.net",
    *,
    attempt: int = 1,
    now: datetime = QUEUED_AT,
    mx: Exchanger = MX,
    content: bytes = b"",
    **fields: Any,
) -> Outcome:
    """Return what a scenario decides for a recipient of Ada's mail."""
    recipient = replace(queued(rcpt), fields=read_fields(content), **fields)
    return decide(recipient, mx, attempt, now)


def status(outcome: Outcome) -> str:
    return f"{outcome.reply.code} {outcome.reply.enhanced}".strip()


def problems(text: str) -> list[str]:
    """Return what is wrong with a file."""
    try:
        read_rules(text, "scenarios.toml")
    except ScenarioError as error:
        return list(error.problems)
    return []
