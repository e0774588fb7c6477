"""Which rules run: words of `select` and `ignore` are codes, beginnings of codes and names."""

import difflib
from collections.abc import Sequence

from msa.lint.options import LintOptions
from msa.lint.rule import Rule


class UnknownRule(ValueError):
    """A word names no rule; the text is one sentence, with a suggestion."""


def chosen(rules: Sequence[Rule], options: LintOptions) -> Sequence[Rule]:
    """Return the rules that run, in their order."""
    if not options.select and not options.ignore:
        return rules
    return [
        rule
        for rule in rules
        if (not options.select or _matches(rule, options.select))
        and not _matches(rule, options.ignore)
    ]


def named(word: str, rules: Sequence[Rule]) -> Sequence[Rule]:
    """Return the rules that a word names; raises `UnknownRule` when there is none."""
    found = [rule for rule in rules if _matches(rule, (word,))]
    if not found:
        near = difflib.get_close_matches(
            word, [*(rule.code for rule in rules), *(rule.name for rule in rules)], n=1
        )
        families = ", ".join(dict.fromkeys(rule.code[:3] for rule in rules))
        hint = f"did you mean {near[0]}?" if near else f"the families are {families}"
        raise UnknownRule(f"there is no rule {word!r}; {hint}")
    return found


def _matches(rule: Rule, words: Sequence[str]) -> bool:
    return any(
        word.lower() == rule.name or (word and rule.code.startswith(word.upper())) for word in words
    )
