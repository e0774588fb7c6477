"""Which outcome a delivery has: the magic addresses at `sim.test`; anything else is delivered.

`decide` is pure, so that each outcome can be repeated and explained: nothing is drawn, and what
changes from try to try changes with the number of the attempt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msa.reply import Reply
from sandbox_mta.mta.exchanger import Outcome, accepts, refuses_connection
from sandbox_mta.mta.mx import Exchanger
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.zone import SIM_ORIGIN

MAX_DEFERRALS = 999  # of `defer-N`: more digits are an ordinary mailbox

REFUSING_HOSTS = frozenset({"mx1.backup.sim.test"})  # in DNS, but nobody listens there


@dataclass(frozen=True, slots=True)
class Magic:
    """What an exchanger says of one magic local part; `{path}` and `{host}` are filled in."""

    code: int
    detail: str
    text: str
    reason: str
    stage: str = "rcpt"
    times: int | None = None  # attempts it is said to, then the message is taken; None: all

    def outcome(self, path: str, host: str, rule: str) -> Outcome:
        reply = Reply(self.code, self.detail, self.text.format(path=path, host=host))
        return Outcome(reply, self.stage, rule, self.reason)


_NO_SUCH_USER = Magic(
    550, "1.1", "<{path}>: Recipient address rejected: User unknown at {host}", "user-unknown"
)
_MAILBOX_FULL = Magic(
    452, "2.2", "<{path}>: The mailbox at {host} is full, try again later", "mailbox-full"
)
_BUSY = Magic(451, "3.2", "{host} is busy, please try again later", "system")

DELIVERED = frozenset({"success", "ok", "delivered"})

MAGIC: Mapping[str, Magic] = {
    "bounce": _NO_SUCH_USER,
    "nouser": _NO_SUCH_USER,
    "softbounce": _MAILBOX_FULL,
    "mailboxfull": _MAILBOX_FULL,
    "fullperm": Magic(
        552, "2.2", "<{path}>: The mailbox at {host} is full and inactive", "mailbox-full"
    ),
    "disabled": Magic(
        550, "2.1", "<{path}>: The mailbox at {host} is disabled", "mailbox-disabled"
    ),
    "blocked": Magic(
        554, "7.1", "{host} does not accept mail from your address", "blocked", stage="mail"
    ),
    "spamblock": Magic(
        550, "7.1", "{host} takes this message for unsolicited mail", "spam", stage="dot"
    ),
    "dmarc": Magic(
        550,
        "7.26",
        "{host} does not accept unauthenticated mail because of the author domain's DMARC policy",
        "auth-failure",
        stage="dot",
    ),
    "defer": Magic(451, "3.2", _BUSY.text, "system", times=1),
    "defer-forever": _BUSY,
    "expire": _BUSY,
}

_DEFER_N = re.compile(r"defer-([0-9]{1,3})")
_LITERAL_REPLY = re.compile(r"([45])[0-5][0-9](?:-\1\.([0-9]{1,3}\.[0-9]{1,3}))?")
_ANY_REPLY = "<{path}>: {host} was asked for this reply"


def decide(
    recipient: QueuedRecipient, exchanger: Exchanger, attempt: int, now: datetime
) -> Outcome:
    """Return what an exchanger answers to the attempt of that number (from 1)."""
    if exchanger.host in REFUSING_HOSTS:
        return refuses_connection(exchanger, f"host:{exchanger.host}")
    path = recipient.recipient.forward_path
    local, _, domain = path.rpartition("@")
    if not _is_simulated(domain):
        return accepts(exchanger.host)
    name = local.lower().partition("+")[0]
    if name in DELIVERED:
        return accepts(exchanger.host, f"magic:{name}")
    magic = magic_of(name)
    if magic is None:
        return accepts(exchanger.host)
    if magic.times is not None and attempt > magic.times:
        return accepts(exchanger.host, f"magic:{name}")
    return magic.outcome(path, exchanger.host, f"magic:{name}")


def magic_of(name: str) -> Magic | None:
    """Return what a local part asks for (lower case, without `+label`); None: nothing special."""
    if name in MAGIC:
        return MAGIC[name]
    if match := _DEFER_N.fullmatch(name):
        return Magic(_BUSY.code, _BUSY.detail, _BUSY.text, _BUSY.reason, times=int(match[1]))
    if match := _LITERAL_REPLY.fullmatch(name):
        return Magic(int(name[:3]), match[2] or "0.0", _ANY_REPLY, "undefined")
    return None


def _is_simulated(domain: str) -> bool:
    name = domain.lower().rstrip(".")
    return name == SIM_ORIGIN or name.endswith("." + SIM_ORIGIN)
