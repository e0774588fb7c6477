"""What linting a message costs, beside Python's own parser: one run, one table.

    python benchmarks/lint.py [--rules]

Process time of one message, the best of several rounds, since the machine may be shared. The bars
are those that the linter promises; `--rules` adds what each rule costs by itself.
"""

import argparse
import email
import email.policy
import os
import platform
import time
from base64 import encodebytes
from collections.abc import Callable
from typing import NamedTuple

from msa.lint import RULES, Draft, Rule, lint, run
from msa.lint.html import css
from msa.message.tree import parse

ROUNDS = 5
ROUND_S = 0.1

HEAD = """\
Date: Tue, 24 Nov 2026 10:00:00 +0000
From: "Juniper Shop" <orders@juniper.example>
To: Ada Lovelace <ada@customer.example>
Reply-To: support@juniper.example
Subject: Your order J-10517 is on its way
Message-ID: <20261124100000.7f3a@juniper.example>
Auto-Submitted: auto-generated
MIME-Version: 1.0
"""


def text_of(octets: int) -> str:
    line = "Your order J-10517 left our warehouse this morning and arrives on Thursday.\n"
    return line * (octets // len(line))


def page(rows: int) -> str:
    """Return a newsletter's page: a style sheet of 40 rules, and rows with styles of their own."""
    rules = "".join(
        f".c{n} {{ color: #22{n:02}44; padding: {n}px 8px; font-family: Arial, sans-serif }}\n"
        for n in range(40)
    )
    row = (
        '<tr><td style="padding:8px 0;color:#333333"><a href="https://shop.example/{n}">Item {n}'
        '</a></td><td><img src="https://shop.example/{n}.png" alt="Item {n}" width="40">'
        "</td></tr>\n"
    )
    body = "".join(row.format(n=n) for n in range(rows))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><title>News</title>\n'
        f'<style>\n{rules}</style></head><body><table role="presentation">\n{body}</table>\n'
        "</body></html>\n"
    )


def alternative(text: str, html: str) -> bytes:
    return (
        (
            f"{HEAD}Content-Type: multipart/alternative; boundary=b1\n\n"
            f"--b1\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
            f"--b1\nContent-Type: text/html; charset=utf-8\n\n{html}\n--b1--\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


def attached(octets: int) -> bytes:
    encoded = encodebytes(os.urandom(octets * 57 // 78)).decode()
    return (
        (
            f"{HEAD}Content-Type: multipart/mixed; boundary=b1\n\n"
            f"--b1\nContent-Type: text/plain; charset=utf-8\n\n{text_of(2_500)}\n"
            "--b1\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
            f'Content-Disposition: attachment; filename="a.pdf"\n\n{encoded}\n--b1--\n'
        )
        .replace("\n", "\r\n")
        .encode()
    )


def cost_us(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return what one call costs, in microseconds of this process."""
    work()
    best = float("inf")
    for _ in range(rounds):
        calls, started, until = 0, time.process_time(), time.process_time() + ROUND_S
        while time.process_time() < until:
            work()
            calls += 1
        best = min(best, (time.process_time() - started) / calls)
    return best * 1e6


class Row(NamedTuple):
    what: str
    us: float
    bar_us: float | None = None

    def __str__(self) -> str:
        bar = "" if self.bar_us is None else f"{self.bar_us:.0f}"
        held = "" if self.bar_us is None else "yes" if self.us <= self.bar_us else "NO"
        return f"| {self.what} | {self.us:.0f} | {bar} | {held} |"


def without_html(content: bytes) -> tuple[Rule, ...]:
    """Return the rules that look at a message's HTML at no time."""

    def parses(rule: Rule) -> bool:
        draft = Draft(content)
        run(rule, draft)
        return "pages" in vars(draft)

    return tuple(rule for rule in RULES if not parses(rule))


def cold(content: bytes) -> Callable[[], object]:
    def work() -> object:
        css._style_again.cache_clear()
        css._sheet_again.cache_clear()
        return lint(content)

    return work


def rows(small: bytes, large: bytes, newsletter: bytes) -> list[Row]:
    core = without_html(small)
    modern = email.policy.default
    core_us = cost_us(lambda: lint(small, rules=core))
    return [
        Row("stdlib, compat32, 5 KB", cost_us(lambda: email.message_from_bytes(small))),
        Row(
            "stdlib, policy.default, 5 KB",
            cost_us(lambda: email.message_from_bytes(small, policy=modern)),
        ),
        Row("our span parser, 5 KB", cost_us(lambda: parse(small))),
        Row("lint without HTML, 5 KB", core_us, 250),
        Row("stdlib, compat32, 100 KB attached", cost_us(lambda: email.message_from_bytes(large))),
        Row("our span parser, 100 KB attached", cost_us(lambda: parse(large))),
        Row(
            "lint without HTML, 100 KB attached",
            cost_us(lambda: lint(large, rules=core)),
            2 * core_us,
        ),
        Row("stdlib, compat32, newsletter", cost_us(lambda: email.message_from_bytes(newsletter))),
        Row("lint, newsletter, CSS seen before", cost_us(lambda: lint(newsletter)), 1_000),
        Row("lint, newsletter, CSS new", cost_us(cold(newsletter))),
    ]


def rule_rows(content: bytes) -> list[Row]:
    """Return what each rule costs when the facts it shares with others are there already."""
    draft = Draft(content)
    for rule in RULES:
        run(rule, draft)
    costs = [Row(rule.code, cost_us(lambda rule=rule: run(rule, draft), 1)) for rule in RULES]
    return sorted(costs, key=lambda row: -row.us)[:12]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", action="store_true", help="add the slowest rules")
    arguments = parser.parse_args()
    small, large = alternative(text_of(2_400), "<p>Hello</p>\n" * 150), attached(100_000)
    newsletter = alternative(text_of(2_000), page(80))
    sizes = ", ".join(f"{len(each):,}" for each in (small, large, newsletter))
    print(f"{platform.machine()}, Python {platform.python_version()}, {len(RULES)} rules")
    print(f"messages of {sizes} octets; best of {ROUNDS} rounds, process time\n")
    print("| | us a message | bar | held |\n|---|---|---|---|")
    for row in rows(small, large, newsletter):
        print(row)
    if arguments.rules:
        print("\n| slowest rules, newsletter | us | | |\n|---|---|---|---|")
        for row in rule_rows(newsletter):
            print(row)


if __name__ == "__main__":
    main()
