"""`sandbox-mta lint`: what it writes, and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from msa.lint import RULES
from sandbox_mta.cli import app

CORPUS = Path(__file__).parents[2] / "corpus"
REPEATED = CORPUS / "HDR007" / "bad.eml"
CLEAN = CORPUS / "HDR007" / "good.eml"


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["lint", *map(str, arguments)], input=stdin)


def test_a_zone_file_answers_look_ups() -> None:
    signed = CORPUS / "AUT002" / "bad.eml"

    with_dns = run("--dns", signed.parent / "zone.txt", signed)

    assert " error AUT002 dkim-broken: a signature fails: the body was changed" in with_dns.stdout
    assert (with_dns.exit_code, run(signed).exit_code) == (1, 0)


def test_links_are_asked_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(b"Subject: x\r\n\r\nhttps://127.0.0.9/\r\n")

    asked = run("--links", "--select", "LNK006", tmp_path / "mail.eml")

    assert "was not asked: 127.0.0.9 is no address of the public internet" in asked.stdout
    assert run("--select", "LNK006", tmp_path / "mail.eml").stdout == ""


def test_the_clients_that_count_are_named(tmp_path: Path) -> None:
    content = b"Content-Type: text/html\r\n\r\n<p style='display:grid'>x</p>\r\n"
    (tmp_path / "mail.eml").write_bytes(content)

    def of(clients: str) -> str:
        return str(run("--clients", clients, "--select", "BOD006", tmp_path / "mail.eml").stdout)

    assert "display:grid does not work in Outlook (Windows)" in of("outlook")
    assert of("apple-mail") == ""


def test_a_broken_zone_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("a.example. A nonsense\n")

    done = run("--dns", "zone", CLEAN)

    assert done.stderr.startswith("sandbox-mta: --dns: lint_dns: zone:1: ")
    assert done.exit_code == 2


def test_findings_read_like_a_compilers() -> None:
    done = run(REPEATED)

    first, evidence, fix = done.stdout.splitlines()[:3]
    assert first.startswith(f"{REPEATED}:")
    assert ": error HDR007 field-repeated: " in first
    assert evidence.startswith("    | ")
    assert fix.startswith("    fix: Keep one of the fields")
    assert done.exit_code == 1
    assert done.stderr.startswith("1 message: 1 error, ")


def test_a_good_message_is_silent() -> None:
    done = run(CLEAN)

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "1 message: 0 errors, 0 warnings, 0 info\n"


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_a_message_may_come_on_stdin(arguments: list[str]) -> None:
    done = run(*arguments, stdin=REPEATED.read_bytes())

    assert done.stdout.startswith("-:")
    assert done.exit_code == 1


def test_a_json_line_has_the_fields_of_a_finding_and_its_file() -> None:
    done = run("--format", "jsonl", REPEATED, CLEAN)

    [line] = done.stdout.splitlines()
    said = json.loads(line)
    assert list(said) == [
        *("file", "message", "code", "name", "severity", "text", "part"),
        *("offset", "line", "column", "evidence", "reference", "fix"),
    ]
    assert (said["file"], said["message"], said["code"]) == (str(REPEATED), 1, "HDR007")


def test_sarif_names_every_rule_and_the_octets_of_each_finding(tmp_path: Path) -> None:
    file = tmp_path / "späte mail.eml"
    file.write_bytes(b"From: a@b.example\r\nSubject: Gr\xc3\xbc\xc3\x9fe {{ x }}\r\n\r\nb\r\n")

    done = run("--format", "sarif", "--select", "BOD011", file)

    log = json.loads(done.stdout)
    assert log["version"] == "2.1.0"
    [of_run] = log["runs"]
    rules = of_run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
    [result] = of_run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "BOD011"
    assert result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/sp%C3%A4te%20mail.eml")
    region = place["region"]
    found = slice(region["byteOffset"], region["byteOffset"] + region["byteLength"])
    assert file.read_bytes()[found] == b"{{ x }}"
    assert (region["startLine"], region["startColumn"]) == (2, 16)  # code points, not octets


def test_junit_has_a_case_a_message_and_an_error_a_file_that_cannot_be_read() -> None:
    done = run("--format", "junit", REPEATED, CLEAN, "missing.eml")

    suite = ElementTree.fromstring(done.stdout.encode())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    bad, good, missing = suite
    assert [failure.get("type") for failure in bad] == ["error"]
    assert (len(good), missing[0].tag) == (0, "error")
    assert done.exit_code == 2
    assert "can't read missing.eml: No such file or directory\n" in done.stderr


def test_hostile_octets_do_not_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "a\x1b[2Jb.eml"
    file.write_bytes(b"\x1b[2J\xe2\x80\xae: x\r\nTo: a\x07\x9b2Jb@@c\r\n{{ \x1b]0;x\x07 }}\r\n\r\n")

    for format in ("text", "jsonl", "sarif", "junit"):
        done = run("--format", format, file, tmp_path / "\x1b[2J")
        said = done.stdout + done.stderr
        assert all(c.isprintable() or c == "\n" for c in said), format
    assert file.name.replace("\x1b", "\\x1b") in run(file).stdout


def test_a_mailbox_is_linted_message_by_message(tmp_path: Path) -> None:
    one = REPEATED.read_bytes().replace(b"\r\n", b"\n")
    (tmp_path / "box").write_bytes(b"From a\n" + one + b"\nFrom b\n" + one + b"\n")

    said = [json.loads(line) for line in run("--format", "jsonl", "box").stdout.splitlines()]

    assert [each["message"] for each in said] == [1, 2]
    assert said[1]["line"] - said[0]["line"] == one.count(b"\n") + 2
    assert said[1]["offset"] - said[0]["offset"] == len(one) + 8


@pytest.mark.parametrize(("limit", "status"), [("error", 0), ("warning", 1), ("info", 1)])
def test_the_exit_status_follows_the_severity_that_fails(limit: str, status: int) -> None:
    assert run("--fail-on", limit, CORPUS / "HDR005" / "bad.eml").exit_code == status


def test_options_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_MTA_LINT_IGNORE", "HDR007")

    assert run(REPEATED).exit_code == 0
    assert run("--ignore", "HDR001", REPEATED).exit_code == 1


def test_an_envelope_is_judged_when_it_is_given() -> None:
    done = run("--mail-from", "app@web1", "--rcpt", "ada@example.org", "--select", "ENV002", CLEAN)

    assert done.stdout.startswith(f"{CLEAN}: warning ENV002 ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--format", "xml"], "there is no format 'xml'; there are text, jsonl, sarif, junit"),
        (["--fail-on", "fatal"], "there is no severity 'fatal'; there are error, warning, info"),
        (["--profile", "x"], "--profile: lint_profile: Input should be 'txn', 'bulk', "),
        (["--select", "bcc-presnt"], "there is no rule 'bcc-presnt'; did you mean bcc-present?"),
        (["--explain", "bare-fl"], "there is no rule 'bare-fl'; did you mean bare-lf?"),
        (["--mail-from", "a@b.example"], "an envelope has --mail-from and at least one --rcpt"),
    ],
)
def test_what_cannot_be_used_is_one_line(arguments: list[str], line: str) -> None:
    done = run(*arguments, CLEAN)

    assert (done.exit_code, done.stdout) == (2, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_explain_tells_what_a_rule_means() -> None:
    by_code, by_name = run("--explain", "HDR007"), run("--explain", "field-repeated")

    assert by_code.stdout == by_name.stdout
    assert by_code.stdout.startswith(
        "HDR007 field-repeated: error; RFC 5322 section 3.6\n\nA field"
    )
    assert "\n\nFix: Keep one" in by_code.stdout


def test_structure_has_a_json_line_a_part() -> None:
    done = run("--structure", stdin=b"Subject: x\r\n\r\nbody\r\n")

    assert json.loads(done.stdout) == {
        **{"part": "", "type": "text/plain", "charset": None, "encoding": "7bit"},
        **{"header": [0, 12], "body": [14, 20]},
        "fields": [{"name": "Subject", "start": 0, "end": 12}],
    }


def test_the_command_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox_mta", "lint", REPEATED],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C"},
        check=False,
    )

    assert done.returncode == 1
    assert b"\x1b" not in done.stdout
    assert b"error HDR007" in done.stdout
