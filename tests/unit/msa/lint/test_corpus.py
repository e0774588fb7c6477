"""Every rule has its corpus: bad messages that fire it alone, and good ones that fire nothing."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from msa.envelope import Envelope, Recipient
from msa.lint import RULES, Draft, Finding, LintOptions, Rule, inspect
from msa.lint.facts import Facts, LinkAnswer
from msa.lint.gather import Gatherer
from msa.lint.profile import DEFAULT
from sandbox_mta.mta.lookups import read_zone_file

CORPUS = Path(__file__).parents[3] / "corpus"
BAD = sorted(CORPUS.glob("*/bad*.eml"))
GOOD = sorted(CORPUS.glob("*/good*.eml"))


def said_of(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".toml")
    return tomllib.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}


def findings_of(path: Path) -> tuple[Finding, ...]:
    """Lint a message as the file beside it says: an envelope, a profile, answers of links."""
    said = said_of(path)
    dns = said.pop("dns", None)
    # The corpus is unsigned, as applications submit, and its domains are those that are reserved
    # for examples: outside the profile `txn` both would stand beside every other finding.
    ignore = tuple(code for code in ("AUT001", "ADR008") if path.parent.name != code)
    options = LintOptions(profile=said.pop("profile", DEFAULT), ignore=ignore)
    answers = {url: LinkAnswer(*answer) for url, answer in said.pop("links", {}).items()}
    envelope = None
    if "recipients" in said:
        recipients = tuple(Recipient(path) for path in said.pop("recipients"))
        envelope = Envelope(recipients=recipients, **said)
    draft = Draft(path.read_bytes(), envelope, profile=options.profile, facts=Facts(links=answers))
    if dns is not None:
        Gatherer(read_zone_file(path.parent / dns)).add_to(draft)
    return inspect(draft, options)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_a_bad_message_fires_its_rule_and_no_other(path: Path) -> None:
    findings = findings_of(path)

    assert {finding.code for finding in findings} == {path.parent.name}


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_good_message_has_no_findings(path: Path) -> None:
    assert findings_of(path) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_a_good_and_a_bad_message(rule: Rule) -> None:
    assert (CORPUS / rule.code / "good.eml").exists()
    assert (CORPUS / rule.code / "bad.eml").exists()


def test_the_corpus_has_no_folder_without_a_rule() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir()}

    assert folders == {rule.code for rule in RULES}


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_the_evidence_of_a_bad_message_stands_at_its_offset(path: Path) -> None:
    content = path.read_bytes()

    for finding in findings_of(path):
        if finding.offset is not None:
            assert finding.line is not None
            lines = content.split(b"\n")[: finding.line]
            start = sum(len(line) + 1 for line in lines[:-1])
            assert finding.column == finding.offset - start + 1
            evidence = finding.evidence.encode().decode("unicode_escape").encode("latin-1")
            assert content.startswith(evidence, finding.offset)
