"""What was found out about the outside before the rules run; a rule itself asks nobody."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers of DNS and of links, as far as somebody asked; None where nobody did."""

    received_at: datetime | None = None  # when it was submitted: real time, with a zone


NOTHING = Facts()
