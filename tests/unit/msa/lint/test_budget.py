"""What one message may cost, and what is told when that was not enough."""

from itertools import count

import pytest

from msa.lint import RULES, Draft, LintOptions, inspect, lint
from msa.lint import budget as budgets

BARE = b"Subject: x\r\n\r\nbody\r\n"


def test_when_time_is_up_the_rules_that_did_not_run_are_named() -> None:
    seconds = count()

    findings = inspect(
        Draft(BARE), LintOptions(budget_s=6.5, ignore=("ENV",)), clock=lambda: float(next(seconds))
    )

    told = findings[-1]
    assert (told.code, told.severity, told.offset) == ("LNT001", "warning", None)
    begun = [rule.code for rule in RULES if not rule.code.startswith("ENV")]
    assert told.text.startswith(f"the budget of time was used up; not run: {begun[6]}, {begun[7]}")
    assert told.text.endswith(", BOD, LNK, LST, AUT, SEC")
    assert {finding.code for finding in findings[:-1]} <= set(begun[:6])


def test_a_budget_that_is_not_used_up_is_not_told() -> None:
    assert "LNT001" not in {finding.code for finding in lint(BARE)}


def test_decoding_has_a_budget_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "MAX_DECODED", 3)

    *_, told = lint(
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n"
    )

    assert told.code == "LNT001"
    assert told.text.startswith("the budget of decoding was used up; not run: ")
