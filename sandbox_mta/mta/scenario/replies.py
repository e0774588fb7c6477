"""Replies as files and addresses name them: a preset, or a code and words."""

import re
from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches

from sandbox_mta.mta.clock import parse_duration
from sandbox_mta.mta.scenario.answer import Answer
from sandbox_mta.mta.scenario.presets import presets

MAX_TEXT = 400  # characters of a reply that is written out


class OutcomeError(ValueError):
    """The words name no outcome; the text says which of them, and what could be meant."""


def meant(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f'; did you mean "{close[0]}"?' if close else f"; there are {', '.join(known)}"


def from_preset(name: str) -> Answer:
    preset = presets().get(name)
    if preset is None:
        close = get_close_matches(name, presets(), 1, cutoff=0.5)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise OutcomeError(f'unknown preset "{name}"{hint}')
    return Answer(
        code=preset.code,
        detail=preset.detail,
        text=preset.text,
        stage=preset.stage,
        reason=preset.reason,
    )


_REPLY = re.compile(r"([2-5]\d\d)(?:\s+([245])\.(\d{1,3}\.\d{1,3}))?(?:\s+(.+))?", re.DOTALL)
_REASONS = {
    "1.1": "user-unknown",
    "1.2": "domain-unknown",
    "1.6": "moved",
    "2.1": "mailbox-disabled",
    "2.2": "mailbox-full",
    "3.4": "message-too-big",
    "7.26": "auth-failure",
}
_OWN_WORDS = "<{rcpt}>: {host} was asked for this reply"


def read_reply(text: str) -> Answer:
    """Read `550 5.7.1 Go away`, of which only the code is needed."""
    match = _REPLY.fullmatch(text)
    if match is None:
        raise OutcomeError(
            f'"{text[:60]}" is neither a preset nor a reply such as 550 5.7.1 Go away'
        )
    code, level, detail, words = match.groups()
    if level and level != code[0]:
        raise OutcomeError(f"{level}.{detail} does not go with {code}")
    shown = "".join(char if char.isprintable() else " " for char in words or "")
    return Answer(
        code=int(code),
        detail=detail or "0.0",
        text=shown[:MAX_TEXT] or _OWN_WORDS,
        stage="rcpt",
        reason=_REASONS.get(detail, "undefined"),
    )


def says(
    code: int, detail: str, text: str, stage: str, reason: str, took: timedelta = timedelta(0)
) -> Answer:
    return Answer(code=code, detail=detail, text=text, stage=stage, reason=reason, took=took)


def read_duration(verb: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError:
        raise OutcomeError(f'"{verb}" needs a duration: {verb}:5m, not "{text}"') from None


_SIZE = re.compile(r"(\d{1,9})(b|kb|mb|gb|kib|mib)?", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20}


def read_size(text: str) -> int:
    """Read `10MB` or a number of octets."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise OutcomeError(f'"{text}" is no size; write 10MB, 512KiB or a number of octets')
    return int(match[1]) * _UNITS[(match[2] or "b").lower()]
