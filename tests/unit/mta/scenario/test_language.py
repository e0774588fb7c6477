"""What is wrong with a scenario file is said with its line, and what could be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_mta.mta.scenario.language import MAX_PROBLEMS, MAX_RULES
from sandbox_mta.mta.scenario.outcome import read_outcome
from sandbox_mta.mta.scenario.replies import OutcomeError
from tests.unit.mta.scenario.cases import problems


def rule(match: str = "", outcome: str = '"bounce"') -> str:
    return f'[[rule]]\nname = "x"\nmatch = {{ {match} }}\noutcome = {outcome}\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("seed = ", "1: Invalid value"),
        ('a = 1\nb = "', "2: "),
        ('[[rules]]\nname = "x"', '1: unknown key "rules"; did you mean "rule"?'),
        ('[clock]\nmode = "real"', '1: unknown key "clock"; that is a setting, SANDBOX_MTA_CLOCK'),
        ("rule = 1", "1: a rule is a table: [[rule]]"),
        ("default = 1", '1: "default" is a table: [default]'),
        (rule(outcome='"bonce"'), '4: rule "x": unknown verb "bonce"; did you mean "bounce"?'),
        (rule('rcppt = "*"'), '3: rule "x": unknown matcher "rcppt"; did you mean "rcpt"?'),
        (rule("rcpt = 1"), '3: rule "x": "rcpt" is a text: rcpt = "..."'),
        (rule('size = "big"'), '3: rule "x": "big" is no comparison; write ">10MB"'),
        (rule('size = ">big"'), '3: rule "x": "big" is no size'),
        (rule('attempt = "x"'), '3: rule "x": "x" is no number or range'),
        (rule('nth = "3-2"'), '3: rule "x": "3-2" ends before it begins'),
        (rule('after = "02:00"'), '3: rule "x": after is a time without quotes'),
        (rule("percent = 101"), '3: rule "x": percent is a number from 0 to 100'),
        (rule("percent = true"), '3: rule "x": percent is a number from 0 to 100'),
        (rule("per_attempt = true"), '3: rule "x": "per_attempt" says how "percent" draws'),
        (rule('header = "x"'), '3: rule "x": header is a table'),
        (rule(outcome="[]"), '4: rule "x": the list of outcomes is empty'),
        (rule(outcome='["defer", "x"]'), '4: rule "x": unknown verb "x"'),
        (rule(outcome='"bounce gmial.spam"'), 'preset "gmial.spam"; did you mean "gmail.spam"?'),
        (rule(outcome='"bounce gmail.mailbox-full"'), '"bounce" needs a reply of class 5, not 452'),
        (rule(outcome='"defer 550 No"'), '"defer" needs a reply of class 4, not 550'),
        (rule(outcome='"bounce 550 4.1.1 No"'), "4.1.1 does not go with 550"),
        (rule(outcome='"bounce no"'), '"no" is neither a preset nor a reply'),
        (rule(outcome='"drop @rctp"'), 'unknown stage "rctp"; did you mean "rcpt"?'),
        (rule(outcome='"throttle:fast"'), '"throttle" needs a rate: throttle:20/m, not "fast"'),
        (rule(outcome='"throttle:0/m"'), '"throttle" needs a rate'),
        (rule(outcome='"greylist:soon"'), '"greylist" needs a duration'),
        (rule(outcome='"concurrency"'), '"concurrency" needs a number'),
        (rule(outcome='"moved:nowhere"'), '"moved" needs the new address'),
        (rule(outcome='"tls-fail:bad"'), 'unknown certificate trouble "bad"'),
        (rule(outcome='"deliver 550"'), '"deliver" takes no "550"'),
        (rule(outcome='"refuse @rcpt"'), '"refuse" takes no "rcpt"'),
        (rule(outcome='""'), '"" is no outcome'),
        ('[[rule]]\nname = "x"', '2: rule "x": it has neither an outcome nor an effect'),
        ('[[rule]]\nalso = "fast:1s"', '2: rule "#1": unknown effect "fast"; there is slow'),
        ('[[rule]]\nalso = "slow:x"', '2: rule "#1": "slow" needs a duration'),
        (f'[[rule]]\nname = "{"n" * 51}"\noutcome = "bounce"', "a name has at most 50"),
        (rule() + rule(), '5: rule "x": another rule has this name'),
        ('[queue]\nschedule = "postfx"', '2: [queue]: no schedule "postfx"'),
        ('[queue]\nlifetime = "x"', "2: [queue]: 'x' is no duration"),
        ('[queue]\nretries = 3', '2: [queue]: unknown key "retries"'),
        ('[routing]\nmagic = "no"', "2: [routing]: magic is true or false"),
        ('[routing]\ncompat = ["sess"]', 'unknown service "sess"; did you mean "ses"?'),
        ('a = "\u2028"\nversion = 1\nseed = ', "3: Invalid value"),
        ("version = 2", "1: this program reads version = 1"),
        ('[default]\noutcome = "x"', '2: [default]: unknown verb "x"'),
    ],
)  # fmt: skip
def test_a_problem_has_its_line(text: str, problem: str) -> None:
    [found] = problems(text)

    assert found.startswith("scenarios.toml:")
    assert problem in found


def test_every_problem_is_told_up_to_a_limit() -> None:
    text = '[[rule]]\noutcome = "bonce"\n' * (MAX_PROBLEMS + 5)

    found = problems(text)

    assert len(found) == MAX_PROBLEMS
    assert [line.split(":")[1] for line in found[:3]] == ["2", "4", "6"]


def test_there_is_an_end_to_the_number_of_rules() -> None:
    text = '[[rule]]\noutcome = "bounce"\n'

    assert problems(text * MAX_RULES) == []
    assert "more than" in problems(text * (MAX_RULES + 1))[0]


def test_a_file_that_is_nested_too_deeply_is_a_broken_one() -> None:
    assert problems("a = " + "[" * 20_000)[0].startswith("scenarios.toml")


@given(st.text(alphabet="abounce defrgil:.*@x0159/m-\u00d7\n", max_size=60))
def test_any_words_are_an_outcome_or_a_problem(words: str) -> None:
    try:
        play = read_outcome(words)
    except OutcomeError:
        return

    assert play
