"""One attempt to deliver to one recipient: from its route and the exchangers' answers to a
`Settlement`.
"""

from collections.abc import Iterator
from datetime import datetime

from msa.envelope import Kind
from msa.reply import Reply
from sandbox_mta.mta.exchanger import Decide, Outcome
from sandbox_mta.mta.mx import Exchanger, Route
from sandbox_mta.mta.ports import Attempt, QueuedRecipient, Settlement
from sandbox_mta.mta.schedule import Schedule
from sandbox_mta.mta.status import State
from sandbox_mta.mta.verdicts import Unroutable

MAX_EXCHANGERS = 5  # tried in one attempt (RFC 5321 section 5.1: at least two)

LOCAL_ERROR = Outcome(
    Reply(451, "3.0", "Local error in processing"), "routing", "local-error", "system"
)


def domain_of(forward_path: str) -> str:
    """Return the domain of a recipient; "" for a bare `postmaster`."""
    # From the right: a quoted local part may hold an "@" itself.
    _, at, domain = forward_path.rpartition("@")
    return domain if at else ""


def deliver(
    recipient: QueuedRecipient,
    route: Route | Unroutable,
    now: datetime,
    decide: Decide,
    schedule: Schedule,
) -> Settlement:
    """Try the exchangers in order until one takes or refuses the message for good.

    A transient answer leads to the next exchanger (RFC 5321 section 5.1), and when there is none
    left to another attempt later, until the lifetime of the schedule is used up.
    """
    if isinstance(route, Unroutable):
        outcome = Outcome(route.reply, "routing", route.rule, route.reason)
        return _settle(recipient, [(None, outcome)], now, schedule)
    n = recipient.attempts + 1
    tried: list[tuple[Exchanger | None, Outcome]] = []
    key = f"{recipient.recipient.forward_path}\0{n}"
    for exchanger in route.in_order(key)[:MAX_EXCHANGERS]:
        if exchanger.insecure is None:
            outcome = decide(recipient, exchanger, n, now)
        else:
            why = exchanger.insecure
            outcome = Outcome(why.reply, why.stage, why.rule, why.reason)
        tried.append((exchanger, outcome))
        if not outcome.reply.is_transient:
            break
    return _settle(recipient, tried, now, schedule)


def suppressed(
    recipient: QueuedRecipient, why: str, now: datetime, schedule: Schedule
) -> Settlement:
    """Settle a recipient whose address is not sent to any more."""
    path = recipient.recipient.forward_path
    text = f"<{path}> is on the suppression list ({why}); nothing was tried"
    reply, state = Reply(550, "1.1", text), State.SUPPRESSED
    outcome = Outcome(reply, "routing", "suppression-list", "suppressed", state)
    return _settle(recipient, [(None, outcome)], now, schedule)


def local_error(recipient: QueuedRecipient, now: datetime, schedule: Schedule) -> Settlement:
    """Settle a recipient whose decision failed through a mistake of ours: it is tried again."""
    return _settle(recipient, [(None, LOCAL_ERROR)], now, schedule)


def _settle(
    recipient: QueuedRecipient,
    tried: list[tuple[Exchanger | None, Outcome]],
    now: datetime,
    schedule: Schedule,
) -> Settlement:
    """Draw the conclusion from the last answer."""
    last = tried[-1][1]
    n = recipient.attempts + 1
    state, reason, due_at = State.BOUNCED, last.reason, None
    if last.state is not None:
        state = last.state
    elif last.reply.code // 100 == 2:
        state = State.DELIVERED
    elif last.reply.is_transient:
        state = State.DEFERRED
        is_report = recipient.kind is not Kind.MAIL or not recipient.reverse_path
        if schedule.is_over(recipient.queued_at, now, report=is_report):
            # The reply stays the exchanger's last one, which tells what to mend.
            state, reason = State.EXPIRED, "expired"
        else:
            due_at = schedule.due_at(recipient.queued_at, now, n)
    return Settlement(
        recipient=recipient,
        state=state,
        reply=last.reply,
        attempts=tuple(_attempts(n, tried, now)),
        reason=reason,
        due_at=due_at,
    )


def _attempts(
    n: int, tried: list[tuple[Exchanger | None, Outcome]], now: datetime
) -> Iterator[Attempt]:
    """Yield the tries, each beginning when the one before has ended."""
    for position, (exchanger, outcome) in enumerate(tried):
        started_at, now = now, now + outcome.took
        if outcome.stage == "routing":
            exchanger = None  # it was never asked
        yield Attempt(
            n=n,
            position=position,
            exchanger=exchanger.host if exchanger else "",
            address=exchanger.addresses[0] if exchanger else "",
            preference=exchanger.preference if exchanger else None,
            stage=outcome.stage,
            reply=outcome.reply,
            started_at=started_at,
            ended_at=now,
            decided_by=outcome.rule,
        )
