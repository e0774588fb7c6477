"""The page of the rules in force, written from the rules themselves."""

import textwrap
from collections.abc import Iterable

from msa.lint import RULES
from msa.lint.budget import budget_exceeded
from msa.lint.profile import PROFILES, severity_in
from msa.lint.rule import Rule

_HEAD = """\
# The rules in force

Each rule judges the octets as they were submitted. A rule has a code, which is never used again,
a name, a severity in each profile, and the place that it is founded on. Where a rule finds
something milder than its severity, the finding itself says so. `--select` and `--ignore` take
codes, beginnings of codes and names; `sandbox-mta lint --explain CODE` shows a rule's page.

The profile (`SANDBOX_MTA_LINT_PROFILE`, `--profile`) says what kind of mail it is meant to be:
`txn` is transactional mail under development, the default; `bulk` is newsletters and other mail
that people subscribe to; `prod` is mail that real recipients will get; `strict` is `prod` with
every warning an error. A rule without a severity is silent in that profile.

The families: ENV the envelope, HDR the header section, ADR addresses, MIM the MIME structure,
ENC encodings and charsets, BOD the body and its HTML, LNK links, LST mailing lists and bulk mail,
AUT authentication, SEC security, LNT the linter itself.

This page is written from the code: `python -m msa.lint.page > docs/rules.md`.
"""


_FAMILIES = ("ENV", "HDR", "ADR", "MIM", "ENC", "BOD", "LNK", "LST", "AUT", "SEC", "LNT")


def page(rules: Iterable[Rule] = (*RULES, budget_exceeded)) -> str:
    """Return the page as Markdown: a table, then what each rule means and how to mend it."""
    rules = sorted(rules, key=lambda rule: (_FAMILIES.index(rule.code[:3]), rule.code))
    rows = [
        f"| [{r.code}](#{r.code.lower()}) | {r.name} | "
        + " | ".join(severity_in(profile, r.severity, r.profiles) or "" for profile in PROFILES)
        + " |"
        for r in rules
    ]
    head = f"| code | name | {' | '.join(PROFILES)} |"
    table = "\n".join([head, f"|---|---|{'---|' * len(PROFILES)}", *rows])
    return "\n".join([_HEAD, table, "", *(_section(rule) for rule in rules)])


def explanation(rule: Rule) -> str:
    """Return what a rule means and how to mend it, as text for a terminal."""
    head = f"{rule.code} {rule.name}: {rule.severity}{_elsewhere(rule)}; {rule.reference}"
    return f"{head}\n\n{rule.documentation}\n\nFix: {rule.fix}"


def _elsewhere(rule: Rule) -> str:
    """Say in which profiles a rule's severity differs."""
    said = [f"{severity or 'silent'} in {profile}" for profile, severity in rule.profiles.items()]
    return f" ({', '.join(said)})" if said else ""


def _section(rule: Rule) -> str:
    return textwrap.dedent(
        """\
        ## {code}

        **{name}**, {severity}{elsewhere}, {reference}.

        {documentation}

        Fix: {fix}
        """
    ).format(
        code=rule.code,
        name=rule.name,
        severity=rule.severity,
        elsewhere=_elsewhere(rule),
        reference=rule.reference,
        documentation=_escaped(rule.documentation),
        fix=_escaped(rule.fix),
    )


def _escaped(text: str) -> str:
    # A "<" would begin a tag; a placeholder or an address must be seen as it is.
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is a program that prints
