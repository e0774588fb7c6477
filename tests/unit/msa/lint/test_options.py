import json

import pytest

from msa.lint import RULES, LintOptions
from msa.lint.choice import UnknownRule, named
from msa.lint.options import read_options


def test_options_survive_json() -> None:
    options = LintOptions(profile="strict", select=("HDR", "bare-lf"), ignore=("HDR001",))

    assert read_options(json.loads(json.dumps(options.as_json()))) == options


def test_a_word_names_a_rule_or_a_family() -> None:
    assert [rule.code for rule in named("bare-lf", RULES)] == ["SEC001"]
    assert {rule.code[:3] for rule in named("SEC", RULES)} == {"SEC"}
    assert [rule.code for rule in named("hdr007", RULES)] == ["HDR007"]
    assert [rule.code for rule in named("Bare-LF", RULES)] == ["SEC001"]


@pytest.mark.parametrize(
    ("word", "hint"), [("bare-fl", "did you mean bare-lf?"), ("HDR0077", "did you mean HDR007?")]
)
def test_a_misspelt_rule_brings_a_suggestion(word: str, hint: str) -> None:
    with pytest.raises(UnknownRule, match=rf"there is no rule '{word}'; {hint[:-1]}"):
        named(word, RULES)


def test_a_word_like_no_rule_brings_the_families() -> None:
    with pytest.raises(UnknownRule, match="the families are ENV, HDR"):
        named("", RULES)
