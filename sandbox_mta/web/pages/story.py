"""What is known of a message's recipients, as the moments that a journey is drawn from; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sandbox_mta.mta.ports import Attempt
from sandbox_mta.mta.status import State
from sandbox_mta.mta.verdicts import meaning_of
from sandbox_mta.store.stored import Journey, StoredStatus
from sandbox_mta.web.pages import journey

NO_RULE = "default"  # decides when no other does; not worth a word


def drawn(found: Sequence[Journey], said: Mapping[int, str], now: datetime) -> journey.Journey:
    """Draw the journey of a message; `said` in the last sessions, by number of the recipient."""
    return journey.draw(
        tuple(
            journey.Recipient(
                forward_path=each.recipient.forward_path,
                state=each.recipient.state,
                attempts=each.recipient.attempts,
                reason=each.recipient.reason,
                moments=moments(each),
                position=position,
                said=said[each.recipient.number],
            )
            for position, each in enumerate(found)
        ),
        now,
    )


def last_tries(found: Journey) -> tuple[Attempt, ...]:
    """Return the sessions of a recipient's last attempt."""
    return tuple(each for each in found.attempts if each.n == found.attempts[-1].n)


def moments(found: Journey) -> tuple[journey.Moment, ...]:
    """Join a recipient's states and attempts into one story in order of time."""
    story = [_moment(status, found) for status in found.statuses]
    recipient = found.recipient
    if recipient.state in (State.DEFERRED, State.QUEUED) and recipient.due_at is not None:
        due = journey.Moment(
            at=recipient.due_at, what="attempting", attempt=recipient.attempts + 1, is_due=True
        )
        if story and due.at > story[-1].at:
            story.append(due)
    return tuple(story)


def _moment(status: StoredStatus, found: Journey) -> journey.Moment:
    # One attempt tries several exchangers when the first ones fail; the last one decides.
    tries = [each for each in found.attempts if each.n == status.attempt]
    reply = str(tries[-1].reply) if tries else ""
    if status.state is State.REJECTED:
        reply = found.recipient.reply
    return journey.Moment(
        at=status.at,
        what=status.state,
        attempt=status.attempt,
        reply=reply,
        why=_why(tries[-1]) if tries else "",
        before=tuple(f"{each.exchanger or each.stage}: {each.reply}" for each in tries[:-1]),
    )


def _why(attempt: Attempt) -> str:
    where = f"at {attempt.exchanger}" if attempt.exchanger else ""
    if where and attempt.address:
        where += f" [{attempt.address}]"
    meaning = meaning_of(attempt.decided_by)
    no_route = f"no route: {meaning}" if meaning else ""
    rule = "" if attempt.decided_by == NO_RULE else f"decided by {attempt.decided_by}"
    return ", ".join(piece for piece in (where, no_route, rule) if piece)
