"""Rules in force: `Rules`, made of a scenario file, and which of them decides a case."""

from dataclasses import dataclass, replace
from datetime import timedelta

from sandbox_mta.mta.exchanger import Outcome, accepts
from sandbox_mta.mta.scenario.answer import TAKEN, Case, decided
from sandbox_mta.mta.scenario.compat import NAMES as ALL_SERVICES
from sandbox_mta.mta.scenario.match import Match, Percent
from sandbox_mta.mta.scenario.outcome import Play, answer_at
from sandbox_mta.mta.schedule import Schedule

DELIVERED: Play = (TAKEN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `[[rule]]`."""

    name: str  # of its own
    line: int  # of the file
    matches: tuple[Match, ...]  # all must hold; the one that counts is the last
    play: Play | None  # None: it only has effects
    slower: timedelta  # by this, every session it applies to

    def applies(self, case: Case) -> bool:
        return all(match.holds(case, self.name) for match in self.matches)

    def draws(self, case: Case) -> str:
        """Return what was drawn, for the record."""
        drawn = (each for each in self.matches if isinstance(each, Percent))
        return "".join(f" draw {each.draw(case, self.name):.4f}" for each in drawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A scenario file, read and found good."""

    version: str = ""  # begins the hash of the file; "" without one
    seed: str = ""
    rules: tuple[Rule, ...] = ()
    default: Play = DELIVERED
    magic: bool = True  # addresses, tags and X-Sandbox-Outcome say what becomes of them
    services: frozenset[str] = ALL_SERVICES  # whose test addresses do, too
    schedule: Schedule | None = None
    reads_fields: bool = False  # a rule asks for what only the header tells

    @property
    def is_empty(self) -> bool:
        """Whether everything is delivered."""
        return not self.rules and self.default is DELIVERED

    def decide(self, case: Case) -> Outcome:
        """Return the outcome of the first rule that has one, after the effects of all."""
        winner: Rule | None = None
        slower = timedelta(0)
        for rule in self.rules:
            is_asked = winner is None or rule.slower
            if not is_asked or not rule.applies(case):
                continue
            slower += rule.slower
            if winner is None and rule.play is not None:
                winner = rule
        outcome = self._outcome(winner, case)
        return replace(outcome, took=outcome.took + slower) if slower else outcome

    def _outcome(self, winner: Rule | None, case: Case) -> Outcome:
        if winner is not None and winner.play is not None:
            by = f"rule:{winner.name} [{self.version}]{winner.draws(case)}"
            answer = answer_at(winner.play, case.attempt)
            return replace(decided(answer, case, winner.name), rule=by)
        if self.default is DELIVERED:
            return accepts(case.exchanger.host)
        answer = answer_at(self.default, case.attempt)
        return replace(decided(answer, case, "default"), rule=f"default [{self.version}]")
