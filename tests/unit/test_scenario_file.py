"""The scenario file of a running sandbox, and the commands about such files."""

import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox_mta.app.scenarios import MAX_OCTETS, ScenarioFile
from sandbox_mta.app.trouble import CantStart
from sandbox_mta.cli import app
from sandbox_mta.mta.scenario import Scenario

GOOD = '[[rule]]\nname = "x"\noutcome = "bounce"\n'
BROKEN = '[[rule]]\noutcome = "bonce"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "scenarios.toml"
    path.write_text(GOOD)
    return path


def test_a_changed_file_comes_into_force(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scenario = Scenario()
    file = ScenarioFile(path, scenario)
    first = scenario.rules

    file.reread()
    assert scenario.rules is first

    path.write_text(GOOD + GOOD.replace('"x"', '"y"'))
    file.reread()
    assert len(scenario.rules.rules) == 2
    assert scenario.rules.version != first.version
    assert caplog.messages == [f"scenario {scenario.rules.version} is in force: 2 rules"]


def test_a_broken_file_leaves_the_last_good_one_in_force_and_is_told_of_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scenario = Scenario()
    file = ScenarioFile(path, scenario)
    first = scenario.rules

    path.write_text(BROKEN)
    file.reread()
    file.reread()

    assert scenario.rules is first
    [warning] = caplog.messages
    assert warning.startswith(f"scenario {first.version} stays in force: {path}:2: ")
    assert "bonce" in warning


def test_a_file_that_is_gone_leaves_the_last_good_one_in_force_until_it_is_back(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scenario = Scenario()
    file = ScenarioFile(path, scenario)
    first = scenario.rules

    path.unlink()
    file.reread()
    assert scenario.rules is first
    assert "No such file" in caplog.text

    path.write_text("")
    file.reread()
    assert scenario.rules.rules == ()


@pytest.mark.parametrize("octets", [b"\xff", BROKEN.encode(), b"#" * (MAX_OCTETS + 1), None])
def test_a_sandbox_does_not_start_with_a_broken_file(path: Path, octets: bytes | None) -> None:
    if octets is None:
        path.unlink()
    else:
        path.write_bytes(octets)

    with pytest.raises(CantStart, match=r"scenarios\.toml"):
        ScenarioFile(path, Scenario())


def test_check_says_what_is_good_and_what_is_wrong(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(BROKEN)

    good = CliRunner().invoke(app, ["scenarios", "check", str(path)])
    both = CliRunner().invoke(app, ["scenarios", "check", str(broken), str(path)])

    assert (good.exit_code, good.stderr) == (0, "")
    assert good.stdout.startswith(f"{path}: 1 rule, version ")
    assert (both.exit_code, both.stdout) == (1, good.stdout)
    assert both.stderr.startswith(f"{broken}:2: ")


def test_explain_tells_of_a_message_that_need_not_exist(path: Path) -> None:
    path.write_text(
        '[[rule]]\nname = "x"\nmatch = { header = { "Subject" = "a*" } }\noutcome = "bounce"\n'
    )
    arguments = ["scenarios", "explain", "--scenarios", str(path), "--rcpt", "bob@example.net"]

    plain = CliRunner().invoke(app, arguments)
    decided = CliRunner().invoke(app, [*arguments, "--header", "Subject: abc"])

    assert (plain.exit_code, decided.exit_code) == (0, 0)
    assert 'rule "x": no, field subject is missing, wanted "a*"' in plain.stdout
    assert 'rule "x": decides' in decided.stdout
    assert "= 550 5.1.1 <bob@example.net>" in decided.stdout


@pytest.mark.parametrize("arguments", [[], ["1" * 22, "--rcpt", "a@b"]])
def test_explain_wants_a_message_or_a_recipient(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["scenarios", "explain", *arguments])

    assert result.exit_code == 2
    assert "name either a message or a recipient" in result.stderr
