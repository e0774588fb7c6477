"""Decides what an exchanger answers: first what is asked for, then the rules, then a delivery."""

from datetime import datetime

from sandbox_mta.mta.exchanger import Outcome, accepts, refuses_connection
from sandbox_mta.mta.mx import Exchanger
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.scenario.answer import Case, decided
from sandbox_mta.mta.scenario.magic import Asked, asked_by, asked_in
from sandbox_mta.mta.scenario.memory import Memory
from sandbox_mta.mta.scenario.message import OUTCOME_FIELD
from sandbox_mta.mta.scenario.outcome import answer_at
from sandbox_mta.mta.scenario.rules import Rules

REFUSING_HOSTS = frozenset({"mx1.backup.sim.test"})  # in DNS, but nobody listens there
NO_RULES = Rules()


class Scenario:
    """Implements `Decide`: the outcome follows from the arguments, the rules and the memory."""

    def __init__(self, rules: Rules = NO_RULES, memory: Memory | None = None) -> None:
        self.rules = rules  # may be replaced between two calls
        self.memory = memory or Memory()

    def __call__(
        self, recipient: QueuedRecipient, exchanger: Exchanger, attempt: int, now: datetime
    ) -> Outcome:
        """Return what an exchanger answers to the attempt of that number (from 1)."""
        if exchanger.host in REFUSING_HOSTS:
            return refuses_connection(exchanger, f"host:{exchanger.host}")
        asked = self.asked(recipient)
        if asked is None and self.rules.is_empty:  # nearly all mail
            return accepts(exchanger.host)
        case = Case(recipient, exchanger, attempt, now, self.memory)
        if asked is not None:
            return decided(answer_at(asked.play, attempt), case, asked.rule)
        return self.rules.decide(case)

    def asked(self, recipient: QueuedRecipient) -> Asked | None:
        """Return what the message's header or the address asks for; None: nothing special."""
        if not self.rules.magic:
            return None
        path = recipient.recipient.forward_path
        if recipient.asks and recipient.fields is not None:
            asked = asked_in(recipient.fields.get(OUTCOME_FIELD, ()), path)
            if asked is not None:
                return asked
        return asked_by(path, self.rules.services)

    def reads_fields(self, recipient: QueuedRecipient) -> bool:
        """Say whether the fields of the message must be read before its outcome is decided."""
        return recipient.fields is None and (
            self.rules.reads_fields or (recipient.asks and self.rules.magic)
        )
