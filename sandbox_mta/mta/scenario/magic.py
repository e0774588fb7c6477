"""Addresses that say what becomes of them, with no configuration: `bounce@sim.test`,
`alice+sim-bounce@example.org`, and the test addresses of e-mail services.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_plus

from sandbox_mta.mta.scenario.compat import BOUNCE_TAG, compat_of
from sandbox_mta.mta.scenario.compat import NAMES as ALL_SERVICES
from sandbox_mta.mta.scenario.outcome import Play, read_outcome, slow
from sandbox_mta.mta.scenario.replies import OutcomeError
from sandbox_mta.mta.zone import SIM_ORIGIN

MAX_ADDRESSES = 4096  # whose meaning is remembered
MAX_FIELDS = 1000  # X-Sandbox-Outcome, of one message
TAG = "+sim-"

# What is meant by a local part: an outcome in the words of `outcome.py`.
NAMES: Mapping[str, str] = {
    "success": "deliver",
    "ok": "deliver",
    "delivered": "deliver",
    "bounce": "bounce",
    "nouser": "bounce",
    "softbounce": "mailbox-full:soft",
    "mailboxfull": "mailbox-full:soft",
    "fullperm": "mailbox-full",
    "disabled": "disabled",
    "blocked": "generic.blocked",
    "spamblock": "generic.spam",
    "dmarc": "generic.dmarc",
    "transient": "generic.disk-full",
    "defer": "defer",
    "defer-forever": "defer*",
    "expire": "defer*",
    "greylist": "greylist:5m",
    "throttle": "throttle:5/m",
    "timeout": "connect-timeout",
    "refused": "refuse",
    "unreachable": "unreachable",
    "relayed": "no-dsn",
    "suppressed": "suppress",
    "discard": "discard",
    # taken, and what follows comes later
    "complaint": "deliver",
    "ooto": "deliver",
    "autoreply": "deliver",
    "oob": "deliver",
}

_DEFER = re.compile(r"defer-([0-9]{1,3})")
_WITH_ARGUMENT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"greylist-([0-9]{1,4}[smhd])"), "greylist:{}"),
    (re.compile(r"throttle-([0-9]{1,5})pm"), "throttle:{}/m"),
    (re.compile(r"drop-([a-z]{3,8})"), "drop @{}"),
    (re.compile(r"stall-([a-z]{3,8})"), "stall @{}"),
    (re.compile(r"toobig-([0-9]{1,9}(?:[km]i?b)?)"), "too-big:{}"),
)
_SLOW = re.compile(r"slow-([0-9]{1,4}[smh])")
_LITERAL = re.compile(r"([45])[0-5][0-9](?:-\1\.[0-9]{1,3}\.[0-9]{1,3})?")
_STAGES = {"mailfrom-": "mail", "rcpt-": "rcpt", "data-": "data"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address, a tag or a header asks for."""

    name: str  # "bounce": a local part at `sim.test`
    rule: str  # "magic:bounce", "tag:bounce", "ses:bounce"
    play: Play


@lru_cache(maxsize=MAX_ADDRESSES)
def asked_by(path: str, services: frozenset[str] = ALL_SERVICES) -> Asked | None:
    """Return what a forward-path asks for; None: nothing special.

    `services` are those whose test addresses mean what they mean there.
    """
    local, _, domain = path.lower().rpartition("@")
    domain = domain.rstrip(".")
    if domain == SIM_ORIGIN or domain.endswith("." + SIM_ORIGIN):
        return asked_for(local, "magic")
    if TAG in local:
        return asked_for(local.rpartition(TAG)[2], "tag")
    service, name = compat_of(local, domain)
    if name:
        return asked_for(name, service) if service in services else None
    if local.startswith(BOUNCE_TAG) and "mailtrap" in services:
        return asked_for(f"code+{local.removeprefix(BOUNCE_TAG)}", "mailtrap")
    return None


def asked_in(values: Sequence[str], path: str) -> Asked | None:
    """Return what the fields X-Sandbox-Outcome of a message ask for one of its recipients.

    `bounce` is for all of them, `bounce; rcpt=ada@example.org` for one, which counts more.
    """
    found: Asked | None = None
    for value in values[:MAX_FIELDS]:
        words, _, rest = value.partition(";")
        name, _, rcpt = rest.partition("=")
        asked = asked_for(words.strip().lower(), "header")
        if name.strip().lower() == "rcpt":
            if rcpt.strip().strip("<>").lower() == path.lower():
                return asked
        elif not rest.strip():
            found = found or asked
    return found


def asked_for(words: str, by: str) -> Asked | None:
    """Return what a local part at `sim.test` asks for, in lower case; None: nothing special."""
    name, _, label = words.partition("+")
    play = _code(label) if name == "code" else _play(name)
    return Asked(name, f"{by}:{name}", play) if play else None


def _play(name: str) -> Play:
    """Return what a name means; () for an ordinary mailbox."""
    try:
        for prefix, stage in _STAGES.items():
            if name.startswith(prefix):
                words = _words(name.removeprefix(prefix))
                return read_outcome(f"{words} @{stage}") if words else ()
        if match := _SLOW.fullmatch(name):
            return (slow(match[1]),)
        words = _words(name)
        return read_outcome(words) if words else ()
    except OutcomeError:  # it only looks like one: drop-nothing
        return ()


def _words(name: str) -> str:
    """Return the outcome that a name stands for; "" for none."""
    if name in NAMES:
        return NAMES[name]
    if match := _DEFER.fullmatch(name):
        return f"defer {match[1]}x" if int(match[1]) else "deliver"
    if _LITERAL.fullmatch(name):
        return _refusal(name.replace("-", " "))
    for pattern, words in _WITH_ARGUMENT:
        if match := pattern.fullmatch(name):
            return words.format(match[1])
    return name if "." in name else ""  # a preset


def _refusal(reply: str) -> str:
    return f"{'defer*' if reply[0] == '4' else 'bounce'} {reply}"


_CODE = re.compile(r"([45][0-5][0-9])(?:\+([45]\.[0-9]{1,3}\.[0-9]{1,3}))?(?:\+(.{1,200}))?")


def _code(label: str) -> Play:
    """Read `550+no+such+user`, with an enhanced code before the words or without."""
    match = _CODE.fullmatch(label)
    if match is None:
        return ()
    text = unquote_plus(match[3] or "", errors="replace").replace("@", "(at)")
    # Braces would be filled in, and an address is somebody else's.
    text = text.replace("{", "(").replace("}", ")")
    try:
        return read_outcome(_refusal(" ".join(filter(None, (match[1], match[2], text)))))
    except OutcomeError:
        return ()
