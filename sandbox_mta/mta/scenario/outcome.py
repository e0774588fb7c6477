"""The words that name an outcome: `bounce gmail.spam @dot`, `defer 3x`, `slow:8s`.

VERB[:ARGUMENT] [Nx] [PRESET | CODE [STATUS] TEXT] [@STAGE]. Read once, when a file is loaded or an
address asks for it; what comes out says one answer for each attempt.
"""

import re
from datetime import timedelta

from sandbox_mta.mta.scenario.answer import STAGES, TAKEN, Answer, Taken
from sandbox_mta.mta.scenario.replies import (
    MAX_TEXT,
    OutcomeError,
    from_preset,
    meant,
    read_duration,
    says,
)
from sandbox_mta.mta.scenario.verbs import VERBS, Words, nothing_more, staged

MAX_TIMES = 999  # of `defer 3x`

Play = tuple[Answer | Taken, ...]  # one for each attempt; the last is repeated


def answer_at(play: Play, attempt: int) -> Answer | Taken:
    """Return what is said at an attempt (from 1)."""
    return play[min(attempt, len(play)) - 1]


def read_outcome(words: str) -> Play:
    """Read one outcome; what is said only so many times is followed by a delivery."""
    play, is_limited = _read(words)
    return (*play, TAKEN) if is_limited else play


def read_outcomes(steps: list[str]) -> Play:
    """Read a list of outcomes, one for each attempt; the last is repeated."""
    if not steps:
        raise OutcomeError("the list of outcomes is empty")
    play: Play = ()
    for words in steps:
        play += _read(words)[0]
        if len(play) > MAX_TIMES:
            raise OutcomeError(f"there are more than {MAX_TIMES} attempts")
    return play


def slow(duration: str) -> Answer:
    """Return the answer of an exchanger that takes the message, after a while."""
    text = "Ok: {host} took the message"
    return says(250, "0.0", text, "dot", "", read_duration("slow", duration))


def read_effect(words: str) -> timedelta:
    """Read `slow:8s`: how much longer a session takes."""
    verb, _, argument = words.partition(":")
    if verb.strip() != "slow":
        raise OutcomeError(f'unknown effect "{verb.strip()}"; there is slow')
    return read_duration("slow", argument.strip())


_SHAPE = re.compile(
    r"\s*(?P<verb>[^\s:*@]+)(?::(?P<argument>\S+))?(?P<ever>\*)?"
    r"(?:\s+(?P<times>[1-9]\d{0,2})\s?[x\u00d7])?(?:\s+(?P<rest>[^@\s].*?))?(?:\s+@(?P<stage>\S+))?\s*",
    re.DOTALL,
)


def _taken_apart(words: str) -> Words:
    match = _SHAPE.fullmatch(words) if len(words) <= 2 * MAX_TEXT else None
    if match is None:
        raise OutcomeError(
            f'"{words[:60]}" is no outcome; write VERB[:ARGUMENT] [Nx] [PRESET or REPLY] [@STAGE]'
        )
    stage = match["stage"] or ""
    if stage and stage not in STAGES:
        raise OutcomeError(f'unknown stage "{stage}"{meant(stage, STAGES)}')
    times = 0 if match["ever"] else int(match["times"]) if match["times"] else None
    return Words(match["verb"], match["argument"] or "", times, match["rest"] or "", stage)


def _read(text: str) -> tuple[Play, bool]:
    """Return what is said, and whether it is said only so many times."""
    words = _taken_apart(text)
    if words.verb == "deliver":
        nothing_more(words, words.argument, words.rest, words.stage)
        return (TAKEN,), False
    if "." in words.verb and words.verb not in VERBS:
        nothing_more(words, words.argument, words.rest)
        answer = staged(from_preset(words.verb), words.stage)
        return (answer,) * (words.times or 1), bool(words.times)
    if words.verb not in VERBS:
        known = [*VERBS, "deliver"]
        raise OutcomeError(f'unknown verb "{words.verb}"{meant(words.verb, known)}')
    answer = VERBS[words.verb](words)
    if words.verb == "defer":
        return (answer,) * (words.times or 1), words.times != 0
    return (answer,) * (words.times or 1), bool(words.times)
