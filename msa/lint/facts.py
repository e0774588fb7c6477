"""What was found out about the outside before the rules run; a rule itself asks nobody."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers of DNS and of links, as far as somebody asked; None where nobody did."""


NOTHING = Facts()
