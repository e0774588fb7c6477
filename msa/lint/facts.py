"""What was found out about the outside before the rules run; a rule itself asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from msa.auth.dkim import Verdict
from msa.auth.dmarc import Discovery
from msa.auth.exchangers import Reach
from msa.auth.spf import Outcome

MAX_LINKS = 100  # of one message that are asked


class LinkAnswer(NamedTuple):
    """What the server of a link said, or why it said nothing."""

    status: int | None  # of HTTP, after redirects; None: there was no answer
    reason: str  # "" with a status: "it does not answer in time"
    asked: bool = True  # False: it leads where the sandbox doesn't go, or there was no time


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers of DNS and of links, as far as somebody asked; None where nobody did."""

    received_at: datetime | None = None  # when it was submitted: real time, with a zone
    dkim: tuple[Verdict, ...] | None = None  # of each DKIM-Signature field in order, the first 10
    arc: Verdict | None = None  # of the whole chain; None also without one
    dmarc: Discovery | None = None  # of the author's domain
    spf: Outcome | None = None  # of `spf_domain`
    spf_domain: str = ""  # that of the reverse-path, or without an envelope the author's
    organisations: Mapping[str, str] = field(default_factory=dict)  # of the domains that sign
    reach: Mapping[str, Reach] = field(default_factory=dict)  # of the domains in addresses
    links: Mapping[str, LinkAnswer] = field(default_factory=dict)  # by the address as written


NOTHING = Facts()
