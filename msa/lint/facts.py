"""What was found out about the outside before the rules run; a rule itself asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msa.auth.dkim import Verdict
from msa.auth.dmarc import Discovery
from msa.auth.exchangers import Reach
from msa.auth.spf import Outcome


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


NOTHING = Facts()
