"""The engine: order, choice, budgets, places, and the one door for bugs of ours."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

import msa.lint
from msa.envelope import Envelope, Recipient
from msa.lint import RULES, Draft, Flaw, LintOptions, Rule, Severity, lint, run
from msa.lint.page import page
from msa.lint.rule import rule

BARE = b"Subject: x\r\nTo: ada@example.org\r\n\r\nbody\r\n"


def codes(*args: object, **options: tuple[str, ...]) -> list[str]:
    return [finding.code for finding in lint(*args, options=LintOptions(**options))]  # type: ignore[arg-type]


def test_findings_come_in_the_order_of_the_rules() -> None:
    assert codes(BARE) == ["HDR001", "HDR004", "HDR005"]


def test_rules_are_selected_by_code_family_or_name() -> None:
    assert codes(BARE, select=("HDR00",)) == ["HDR001", "HDR004", "HDR005"]
    assert codes(BARE, select=("from-missing",)) == ["HDR004"]
    assert codes(BARE, ignore=("HDR004", "date-missing")) == ["HDR005"]
    assert codes(BARE, select=("HDR",), ignore=("HDR001",)) == ["HDR004", "HDR005"]


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


def test_a_place_is_an_offset_a_line_and_a_column() -> None:
    content = b"Subject: x\r\nTo: a@@x.example\r\n\r\n"
    [finding] = lint(content, options=LintOptions(select=("ADR001",)))

    assert (finding.offset, finding.line, finding.column) == (16, 2, 5)
    assert finding.evidence == "a@@x.example"


def test_evidence_is_escaped_and_short() -> None:
    content = b"Subject: \\\xe9\t" + b"x" * 100 + b"\r\n\r\n"
    [finding] = lint(content, options=LintOptions(select=("HDR014",)))

    assert finding.evidence == "\\xe9\\t" + "x" * 58


def test_a_finding_about_the_envelope_has_no_offset() -> None:
    envelope = Envelope(reverse_path="app@web1", recipients=(Recipient("ada@example.org"),))
    [finding] = lint(BARE, envelope, options=LintOptions(select=("ENV",)))

    assert (finding.part, finding.offset, finding.line, finding.column) == (
        *("envelope", None, None, None),
    )
    assert finding.evidence == "app@web1"


def test_an_envelope_that_is_not_utf_8_is_judged() -> None:
    recipients = (Recipient("ada@example.org"),)
    envelope = Envelope(reverse_path="us\udce9r@x.example", recipients=recipients, smtputf8=True)
    [finding] = lint(BARE, envelope, options=LintOptions(select=("ENV",)))

    assert finding.code == "ENV003"
    assert finding.evidence == "us\\xe9r@x.example"


def test_what_a_rule_finds_too_often_is_cut_and_the_cut_is_told() -> None:
    findings = lint(b"To: " + b"a@@b, " * 50 + b"\r\n\r\n", options=LintOptions(select=("ADR001",)))

    assert len(findings) == msa.lint.MAX_FINDINGS
    assert "only the first 20" in findings[-1].text
    assert "only the first" not in findings[-2].text


def test_the_text_of_a_finding_is_cut() -> None:
    [finding] = lint(b"x" * 9_000 + b": \xe9\r\n\r\n", options=LintOptions(select=("HDR014",)))

    assert len(finding.text) == msa.lint.MAX_TEXT


@rule("TST001", "crash", Severity.ERROR, "none", fix="None.")
def crash(draft: Draft) -> Iterator[Flaw]:
    """A rule with a bug."""
    yield draft.flaw("fine so far", 0, 0)
    raise RuntimeError("a bug")


def test_a_rule_that_crashes_is_logged_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        findings = lint(BARE, rules=(crash, *RULES))

    assert [finding.code for finding in findings] == ["HDR001", "HDR004", "HDR005"]
    assert "TST001" in caplog.text


def test_the_runner_of_one_rule_lets_its_bug_through() -> None:
    with pytest.raises(RuntimeError):
        run(crash, Draft(BARE))


def test_a_file_of_a_unix_system_is_not_blamed_for_its_line_ends() -> None:
    content = (Path(__file__).parents[3] / "corpus/SEC003/good.eml").read_bytes()
    unix = content.replace(b"\r\n", b"\n")
    submitted = Envelope(reverse_path="a@b.example", recipients=(Recipient("ada@example.org"),))

    assert lint(unix) == ()
    assert codes(unix, submitted) == ["SEC001", "SEC003"]


def test_an_enclosed_message_is_not_the_authors_work() -> None:
    good = (Path(__file__).parents[3] / "corpus/HDR001/good.eml").read_bytes()
    head, _, _ = good.partition(b"\r\n\r\n")
    content = (
        head + b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"no field\r\nContent-Type: multipart/mixed\r\n\r\n{{ x }}\r\n--b--\r\n"
    )

    assert lint(content) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_tells_what_why_and_how_to_mend(rule: Rule) -> None:
    assert len(rule.documentation.split("\n\n")) >= 3
    assert rule.fix.endswith(".")
    assert rule.reference


def test_the_page_of_the_rules_is_what_the_code_says() -> None:
    written = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")

    assert written == page()


def test_importing_the_linter_loads_nothing_heavy() -> None:
    code = "import sys, msa.lint; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()

    # It starts in a process of its own, before the first message can be judged.
    assert not {"email", "asyncio", "aiosmtpd", "dns", "sqlalchemy"} & set(loaded)


def test_what_the_standard_library_writes_is_clean() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Jürgen Müller, Acme", "shop", "acme.example")
    message["To"] = [
        Address("Ada Lovelace", "ada", "example.org"),
        Address("", "bob", "example.org"),
    ]
    message["Subject"] = "Grüße aus München: Ihre Bestellung ist unterwegs 😀"
    message["Date"] = "Mon, 24 Nov 2025 03:10:00 +0000"
    message["Message-ID"] = "<1@acme.example>"
    message.set_content("Schöne Grüße\n\n" + "lange Zeile " * 30)
    message.add_alternative("<p style='width:50%'>Schöne Grüße</p>", subtype="html")
    message.add_attachment(b"%PDF" * 500, maintype="application", subtype="pdf", filename="ü 1.pdf")

    assert lint(message.as_bytes()) == ()
