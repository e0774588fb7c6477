"""The states of a recipient, the legal transitions between them, and RFC 3464's word for each."""

from enum import StrEnum


class State(StrEnum):
    """Where a recipient stands; see `TRANSITIONS` for the way it got there."""

    QUEUED = "queued"
    ROUTING = "routing"
    ATTEMPTING = "attempting"
    DEFERRED = "deferred"
    HELD = "held"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Action(StrEnum):
    """The Action field of a delivery status notification (RFC 3464 section 2.3.3)."""

    DELIVERED = "delivered"
    RELAYED = "relayed"
    DELAYED = "delayed"
    FAILED = "failed"
