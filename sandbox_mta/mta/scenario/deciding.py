"""Decides what an exchanger answers: first what is asked for, then the rules, then a delivery."""

from datetime import datetime

from sandbox_mta.mta.exchanger import Outcome, accepts, refuses_connection
from sandbox_mta.mta.mx import Exchanger
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.scenario.answer import Case, decided
from sandbox_mta.mta.scenario.magic import asked_by
from sandbox_mta.mta.scenario.memory import Memory
from sandbox_mta.mta.scenario.outcome import answer_at

REFUSING_HOSTS = frozenset({"mx1.backup.sim.test"})  # in DNS, but nobody listens there


class Scenario:
    """Implements `Decide`: the outcome follows from the arguments and the memory alone."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()

    def __call__(
        self, recipient: QueuedRecipient, exchanger: Exchanger, attempt: int, now: datetime
    ) -> Outcome:
        """Return what an exchanger answers to the attempt of that number (from 1)."""
        if exchanger.host in REFUSING_HOSTS:
            return refuses_connection(exchanger, f"host:{exchanger.host}")
        asked = asked_by(recipient.recipient.forward_path)
        if asked is None:
            return accepts(exchanger.host)
        case = Case(recipient, exchanger, attempt, now, self.memory)
        return decided(answer_at(asked.play, attempt), case, asked.rule)
