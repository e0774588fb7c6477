"""What a rule is."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.profile import Profile

Check = Callable[[Draft], Iterator[Flaw]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the catalogue; its check's docstring is its documentation page."""

    code: str  # three letters of the family and three digits, never used again
    name: str  # kebab-case
    severity: Severity
    reference: str
    fix: str
    check: Check
    # Where a profile sees it otherwise; None: the rule is silent there.
    profiles: Mapping[Profile, Severity | None] = field(default_factory=dict)

    @property
    def documentation(self) -> str:
        """What it means, why it matters, how to mend it."""
        return inspect.getdoc(self.check) or ""


def rule(  # a rule is declared once, in one place
    code: str,
    name: str,
    severity: Severity,
    reference: str,
    *,
    fix: str,
    profiles: Mapping[Profile, Severity | None] | None = None,
) -> Callable[[Check], Rule]:
    """Turn a check into a `Rule`. Nothing is registered: each family lists its own in `RULES`.

    `profiles` says where its severity differs, see `msa.lint.profile`; None silences it there.
    """
    return lambda check: Rule(
        code=code,
        name=name,
        severity=severity,
        reference=reference,
        fix=fix,
        check=check,
        profiles=profiles or {},
    )
