"""`sandbox-mta scenarios explain`: why mail has its outcome, without a running sandbox."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from msa.envelope import Kind, Recipient
from sandbox_mta.app.reading import open_inbox
from sandbox_mta.app.scenarios import read_file
from sandbox_mta.app.trouble import Trouble
from sandbox_mta.app.zones import ZoneFiles, router_of
from sandbox_mta.mta.delivery import domain_of
from sandbox_mta.mta.mx import Router
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.scenario.answer import Case
from sandbox_mta.mta.scenario.explain import explain
from sandbox_mta.mta.scenario.language import ScenarioError
from sandbox_mta.mta.scenario.message import OUTCOME_FIELD, read_fields
from sandbox_mta.mta.scenario.rules import Rules
from sandbox_mta.mta.status import State
from sandbox_mta.mta.verdicts import Unroutable
from sandbox_mta.settings import Settings

MAX_RECIPIENTS = 50  # that are explained of one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What to explain: a message made up from its envelope."""

    forward_path: str
    reverse_path: str = ""
    header: tuple[str, ...] = ()  # fields, "Name: value"
    size_octets: int = 1_000
    attempt: int = 1
    at: datetime | None = None  # time of the clock; None: now


def explain_mail(settings: Settings, mail: Mail) -> Iterator[str]:
    """Yield the lines for a message that need not exist; raises `Trouble`."""
    content = "".join(f"{field}\r\n" for field in mail.header).encode("utf-8", "replace")
    recipient = _recipient(
        content + b"\r\n",
        forward_path=mail.forward_path,
        reverse_path=mail.reverse_path,
        size_octets=mail.size_octets,
    )
    scenario = _scenario(settings.scenarios)
    return _lines(scenario, _router(settings), recipient, mail.attempt, mail.at)


async def explain_message(settings: Settings, id: str, attempt: int) -> AsyncIterator[str]:
    """Yield the lines for each recipient of a stored message; raises `Trouble`."""
    scenario, router = _scenario(settings.scenarios), _router(settings)
    async with open_inbox(settings) as inbox:
        message = await inbox.get(id)
        if message is None:
            raise Trouble(f"there is no message {id}")
        content = await inbox.content(id) or b""
    for known in message.recipients[:MAX_RECIPIENTS]:
        recipient = _recipient(
            content,
            forward_path=known.forward_path,
            reverse_path=message.reverse_path,
            size_octets=message.size_octets,
        )
        recipient = replace(recipient, submission_id=id, smtputf8=message.smtputf8)
        for line in _lines(scenario, router, recipient, attempt, None):
            yield line


def _scenario(path: Path | None) -> Scenario:
    try:
        return Scenario(Rules() if path is None else read_file(path))
    except ScenarioError as error:
        raise Trouble(str(error)) from None


def _router(settings: Settings) -> Router:
    return router_of(settings, ZoneFiles([Path(path) for path in settings.zones]))


def _recipient(
    content: bytes, *, forward_path: str, reverse_path: str, size_octets: int
) -> QueuedRecipient:
    fields = read_fields(content)
    return QueuedRecipient(
        number=1 << 10,
        epoch=1,
        submission_id="0" * 22,
        kind=Kind.MAIL,
        reverse_path=reverse_path,
        ret=None,
        envid=None,
        smtputf8=False,
        size_octets=size_octets,
        recipient=Recipient(forward_path),
        state=State.QUEUED,
        attempts=0,
        queued_at=datetime.now(UTC),
        asks=OUTCOME_FIELD in fields,
        fields=fields,
    )


def _lines(
    scenario: Scenario,
    router: Router,
    recipient: QueuedRecipient,
    attempt: int,
    at: datetime | None,
) -> Iterator[str]:
    path = recipient.recipient.forward_path
    now = at or datetime.now(UTC)
    if version := scenario.rules.version:
        yield f'scenario {version}, seed "{scenario.rules.seed}"'
    route = router.route(domain_of(path))
    if isinstance(route, Unroutable):
        yield f"{path}: {route.reply} (decided by {route.rule}); no exchanger is asked"
        return
    for exchanger in route.in_order(f"{path}\0{attempt}"):
        case = Case(recipient, exchanger, attempt, now, scenario.memory)
        outcome = yield from explain(scenario, case)
        if not outcome.reply.is_transient:
            return
