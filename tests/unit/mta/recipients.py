"""Recipients as a queue hands them out, for the tests of the transfer stage."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msa.envelope import Kind, Recipient
from sandbox_mta.mta import delivery
from sandbox_mta.mta.exchanger import Decide
from sandbox_mta.mta.mx import Router
from sandbox_mta.mta.ports import QueuedRecipient, Settlement
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.schedule import POSTFIX
from sandbox_mta.mta.status import State

QUEUED_AT = datetime(2030, 1, 1, tzinfo=UTC)

_EXAMPLE = QueuedRecipient(
    number=1 << 10,
    epoch=1,
    submission_id="0" * 22,
    kind=Kind.MAIL,
    reverse_path="ada@example.org",
    ret=None,
    envid=None,
    smtputf8=False,
    size_octets=100,
    recipient=Recipient("bob@example.net"),
    state=State.QUEUED,
    attempts=0,
    queued_at=QUEUED_AT,
)


def queued(forward_path: str = "bob@example.net", **fields: Any) -> QueuedRecipient:
    """Return a recipient of Ada's mail with some fields changed, among them those of RCPT."""
    of_rcpt = {name: fields.pop(name) for name in ("notify", "orcpt") if name in fields}
    return replace(_EXAMPLE, recipient=Recipient(forward_path, **of_rcpt), **fields)


def settled(
    recipient: QueuedRecipient, now: datetime = QUEUED_AT, decide: Decide | None = None
) -> Settlement:
    """Make one attempt with everything as shipped."""
    route = Router().route(delivery.domain_of(recipient.recipient.forward_path))
    return delivery.deliver(recipient, route, now, decide or Scenario(), POSTFIX)
