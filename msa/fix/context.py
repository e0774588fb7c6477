"""What a fix needs to know besides the message."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Whatever is put into a message is made of these, so the same submission is fixed alike."""

    id: str  # of the submission
    hostname: str  # of this MSA
    accepted_at: datetime
    user: str | None = None  # the AUTH identity
