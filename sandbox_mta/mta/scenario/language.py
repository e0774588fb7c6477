"""Reads scenario files: TOML to `Rules`, or what is wrong, each with its line.

The grammar stands in docs/scenarios.md. tomllib tells no lines of values, so they are looked for
in the text afterwards, and only for a complaint or a rule's own line.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from sandbox_mta.mta.clock import parse_duration
from sandbox_mta.mta.scenario.compat import NAMES as ALL_SERVICES
from sandbox_mta.mta.scenario.match import OfField, Percent
from sandbox_mta.mta.scenario.matchers import read_matches
from sandbox_mta.mta.scenario.outcome import Play, read_effect, read_outcome, read_outcomes
from sandbox_mta.mta.scenario.replies import meant
from sandbox_mta.mta.scenario.rules import DELIVERED, Rule, Rules
from sandbox_mta.mta.scenario.values import Problem, text, texts, told
from sandbox_mta.mta.schedule import Schedule, named

MAX_RULES = 1_000
MAX_PROBLEMS = 20  # that are told of one file
TOP = 0  # in place of the line that a table begins with
MAX_NAME = 50  # characters of a rule's name


class ScenarioError(Exception):
    """A file can't be used; one line for each problem, `scenarios.toml:12: ...`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_rules(text: str, file: str) -> Rules:
    """Read a file's text; `file` is its name in complaints. Raises `ScenarioError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError((_syntax(str(error), text, file),)) from None
    except RecursionError:
        raise ScenarioError((f"{file}: it is nested too deeply",)) from None
    return _Reader(text, file).rules(data)


def _syntax(error: str, text: str, file: str) -> str:
    match = re.search(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", error)
    if match is None:
        return f"{file}: {error}"
    line = match[2] or len(text.split("\n"))
    return f"{file}:{line}: {match[1]}"


class _Reader:
    """Reads one file, and gathers what is wrong with it."""

    def __init__(self, text: str, file: str) -> None:
        self._lines = text.split("\n")  # as tomllib counts
        self._file = file
        self._version = blake2b(text.encode(), digest_size=4).hexdigest()
        self._problems: list[str] = []

    def rules(self, data: Mapping[str, Any]) -> Rules:
        seed = str(data.get("seed", ""))
        self._check("", data, {"version", "seed", "rule", "default", "queue", "routing"}, _top)
        if data.get("version", 1) != 1:
            self._complain(self._line_of("version", TOP), "this program reads version = 1")
        rules = tuple(self._each_rule(data.get("rule", []), seed))
        default = self._table("default", data, _DEFAULT, _default) or DELIVERED
        schedule = self._table("queue", data, _QUEUE, _schedule)
        magic, services = self._table("routing", data, _ROUTING, _routing) or (True, ALL_SERVICES)
        if self._problems:
            raise ScenarioError(tuple(self._problems[:MAX_PROBLEMS]))
        return Rules(
            version=self._version,
            seed=seed,
            rules=rules,
            default=default,
            magic=magic,
            services=services,
            schedule=schedule,
            reads_fields=any(_reads_fields(rule) for rule in rules),
        )

    def _each_rule(self, tables: Any, seed: str) -> Iterator[Rule]:
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self._complain(1, "a rule is a table: [[rule]]")
            return
        starts = self._starts(r"\[\[\s*rule\s*\]\]")
        taken: set[str] = set()
        for position, table in enumerate(tables[:MAX_RULES]):
            line = starts[position] if position < len(starts) else 1
            label = table.get("name", f"#{position + 1}")
            who = f'rule "{label}": '
            rule = self._read(who, line, table, _RULE, lambda it: _rule(it, seed))
            if rule is None:
                continue
            rule = replace(rule, name=rule.name or f"#{position + 1}", line=line)
            if rule.name in taken:
                self._complain(line, f"{who}another rule has this name")
            taken.add(rule.name)
            yield rule
        if len(tables) > MAX_RULES:
            self._complain(1, f"there are more than {MAX_RULES} rules")

    def _table(
        self, name: str, data: Mapping[str, Any], known: set[str], read: Callable[[Any], Any]
    ) -> Any:
        """Read a table of the top level; None when there is none, or it is wrong."""
        if name not in data:
            return None
        line = next(iter(self._starts(rf"\[\s*{name}\s*\]")), 1)
        if not isinstance(data[name], dict):
            return self._complain(line, f'"{name}" is a table: [{name}]')
        return self._read(f"[{name}]: ", line, data[name], known, read)

    def _read(
        self,
        who: str,
        line: int,
        table: Mapping[str, Any],
        known: set[str],
        read: Callable[[Any], Any],
    ) -> Any:
        if not self._check(who, table, known, None, line):
            return None
        try:
            return read(table)
        except Problem as problem:
            return self._complain(self._line_of(problem.key, line), f"{who}{problem}")

    def _check(
        self,
        who: str,
        table: Mapping[str, Any],
        known: set[str],
        hint: Callable[[str], str] | None,
        line: int = TOP,
    ) -> bool:
        """Complain of each key that means nothing."""
        unknown = [key for key in table if key not in known]
        for key in unknown:
            said = hint(key) if hint else ""
            text = said or meant(key, sorted(known))
            self._complain(self._line_of(key, line), f'{who}unknown key "{key}"{text}')
        return not unknown

    def _starts(self, pattern: str) -> list[int]:
        """Return the numbers of the lines that a table begins with."""
        header = re.compile(rf"\s*{pattern}\s*(#.*)?")
        return [n for n, line in enumerate(self._lines, 1) if header.fullmatch(line)]

    def _line_of(self, key: str, start: int) -> int:
        """Return the line on which a key of the table that begins at `start` is set."""
        wanted = re.compile(rf"""(^|[\s{{,\["'.]){re.escape(key)}["']?(\s*=|\s*\]|\.)""")
        for number, line in enumerate(self._lines[max(start - 1, 0) :], max(start, 1)):
            if number > start > TOP and re.match(r"\s*\[", line):
                break
            if wanted.search(line):
                return number
        return max(start, 1)

    def _complain(self, line: int, text: str) -> None:
        self._problems.append(f"{self._file}:{line}: {text}")


_RULE = {"name", "match", "outcome", "also"}
_DEFAULT = {"outcome"}
_QUEUE = {"schedule", "lifetime", "bounce_lifetime", "delay_dsn_after"}
_ROUTING = {"magic", "compat"}
_SETTINGS = {"clock": "SANDBOX_MTA_CLOCK", "dns": "SANDBOX_MTA_DNS_FAULTS"}


def _top(key: str) -> str:
    """Return a hint for what other programs' files, or a setting, would say."""
    return f"; that is a setting, {_SETTINGS[key]}" if key in _SETTINGS else ""


def _reads_fields(rule: Rule) -> bool:
    return any(
        isinstance(each, OfField) or (isinstance(each, Percent) and each.field)
        for each in rule.matches
    )


def _rule(table: Mapping[str, Any], seed: str) -> Rule:
    name = text("name", table.get("name", ""))
    if len(name) > MAX_NAME or not name.isprintable():
        raise Problem("name", f"a name has at most {MAX_NAME} printable characters")
    play = _play("outcome", table["outcome"]) if "outcome" in table else None
    slower = timedelta(0)
    for effect in texts("also", table.get("also", [])):
        slower += told("also", read_effect, effect)
    if play is None and not slower:
        raise Problem("name", "it has neither an outcome nor an effect (also)")
    matches = read_matches(table.get("match", {}), seed)
    return Rule(name=name, line=0, matches=matches, play=play, slower=slower)


def _play(key: str, value: Any) -> Play:
    if isinstance(value, list):
        return told(key, read_outcomes, texts(key, value))
    return told(key, read_outcome, text(key, value))


def _default(table: Mapping[str, Any]) -> Play:
    return _play("outcome", table.get("outcome", "deliver"))


def _schedule(table: Mapping[str, Any]) -> Schedule:
    value = table.get("schedule", "postfix")
    name = ",".join(texts("schedule", value))
    schedule: Schedule = told("schedule", named, name)
    schedule = replace(
        schedule,
        lifetime=_life(table, "lifetime", schedule.lifetime),
        report_lifetime=_life(table, "bounce_lifetime", schedule.report_lifetime),
    )
    if "delay_dsn_after" in table:
        ages = [
            told("delay_dsn_after", parse_duration, text)
            for text in texts("delay_dsn_after", table["delay_dsn_after"])
        ]
        schedule = replace(schedule, warns=tuple(sorted(ages)))
    return schedule


def _life(table: Mapping[str, Any], key: str, default: timedelta) -> timedelta:
    return told(key, parse_duration, text(key, table[key])) if key in table else default


def _routing(table: Mapping[str, Any]) -> tuple[bool, frozenset[str]]:
    magic, compat = table.get("magic", True), table.get("compat", True)
    if not isinstance(magic, bool):
        raise Problem("magic", "magic is true or false")
    if isinstance(compat, bool):
        return magic, ALL_SERVICES if compat else frozenset()
    services = texts("compat", compat)
    for name in services:
        if name not in ALL_SERVICES:
            raise Problem("compat", f'unknown service "{name}"{meant(name, sorted(ALL_SERVICES))}')
    return magic, frozenset(services)
