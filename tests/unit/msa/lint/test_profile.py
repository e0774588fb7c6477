"""Profiles: how bad the same flaw is in different kinds of mail."""

from msa.lint.finding import Severity
from msa.lint.profile import severity_in


def test_a_profile_that_says_nothing_leaves_the_severity() -> None:
    assert severity_in("txn", Severity.WARNING, {"prod": Severity.ERROR}) is Severity.WARNING


def test_a_profile_may_differ_or_silence_a_rule() -> None:
    assert severity_in("prod", Severity.INFO, {"prod": Severity.ERROR}) is Severity.ERROR
    assert severity_in("txn", Severity.ERROR, {"txn": None}) is None


def test_strict_follows_prod_and_makes_warnings_errors() -> None:
    assert severity_in("strict", Severity.WARNING, {}) is Severity.ERROR
    assert severity_in("strict", Severity.INFO, {}) is Severity.INFO
    assert severity_in("strict", Severity.INFO, {"prod": Severity.WARNING}) is Severity.ERROR
    assert severity_in("strict", Severity.ERROR, {"prod": None}) is None
    assert severity_in("strict", Severity.ERROR, {"prod": None, "strict": Severity.INFO}) is (
        Severity.INFO
    )
