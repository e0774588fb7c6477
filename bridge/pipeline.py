"""From a record to messages: read, route, render, compose, in a row; no I/O."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.address import Mailbox, MalformedAddress, read_mailbox
from bridge.compose import Letter, compose
from bridge.event import Event, Reason, Record, Tombstone, Unusable
from bridge.formats import read_event
from bridge.ports import Outgoing, TemplateVersion
from bridge.rendering.catalogue import Shelf
from bridge.rendering.template import Rendered, RenderFault, Template
from bridge.routing import TopicDefaults, choose_locale, choose_recipients, choose_template, fill

MAX_OCTETS = 64 << 20  # of all messages that one event makes; they are in memory together


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What is the same for every event."""

    domain: str  # right side of Message-IDs
    sender: str  # the author when a template names none: "Sandbox <no-reply@sandbox.test>"
    topics: Mapping[str, TopicDefaults] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The messages that an event makes."""

    type: str
    messages: tuple[Outgoing, ...]
    template: TemplateVersion


def prepare(
    record: Record, identity: str, *, shelf: Shelf, house: House, now: datetime
) -> Prepared | Tombstone | Unusable:
    """Make the messages of one record; `identity` is the event's, `now` becomes their Date."""
    event = read_event(record)
    if not isinstance(event, Event):
        return event
    defaults = house.topics.get(record.ref.topic, TopicDefaults())
    name = choose_template(event, shelf.table, defaults)
    if isinstance(name, Unusable):
        return name
    template = shelf.templates.get(name)
    if template is None:
        problem = shelf.problems.get(name)
        detail = f"no template {name}" + (f": {problem}" if problem else "")
        return Unusable(event.ref, Reason.UNROUTED, detail)
    recipients = choose_recipients(event, template.meta, defaults)
    if isinstance(recipients, Unusable):
        return recipients
    rendered = template.render(_context(event))
    if isinstance(rendered, RenderFault):
        return Unusable(event.ref, Reason.RENDER, rendered.detail)
    return _compose_all(event, template, rendered, recipients, _Frame(identity, house, now))


@dataclass(frozen=True, slots=True)
class _Frame:
    identity: str
    house: House
    now: datetime


def _compose_all(
    event: Event,
    template: Template,
    rendered: Rendered,
    recipients: tuple[Mailbox, ...],
    frame: _Frame,
) -> Prepared | Unusable:
    size = (len(rendered.html) + len(rendered.text)) * len(recipients)
    if size > MAX_OCTETS:
        detail = f"{len(recipients)} messages of {size} characters together; at most {MAX_OCTETS}"
        return Unusable(event.ref, Reason.RENDER, detail)
    try:
        author = read_mailbox(fill(template.meta.sender or frame.house.sender, event.data))
        reply_to = fill(template.meta.reply_to, event.data)
        answers = read_mailbox(reply_to) if reply_to else None
        fields = _fields(event, template)
    except MalformedAddress as error:
        detail = f"template {template.name}, from or reply_to: {error}"
        return Unusable(event.ref, Reason.RENDER, detail)
    except KeyError as error:
        detail = f"template {template.name}, meta.toml: the event has no {error.args[0]}"
        return Unusable(event.ref, Reason.RENDER, detail)
    letters = [
        Letter(
            key=submission_key(frame.identity, template.name, to.path),
            domain=frame.house.domain,
            author=author,
            to=to,
            reply_to=answers,
            date=frame.now,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            fields=fields,
        )
        for to in recipients
    ]
    locale = choose_locale(event, template.meta)
    messages = tuple(_outgoing(letter, template, locale) for letter in letters)
    return Prepared(type=event.type, messages=messages, template=template.kept)


def _outgoing(letter: Letter, template: Template, locale: str) -> Outgoing:
    return Outgoing(
        submission_key=letter.key,
        reverse_path=letter.author.path,
        forward_path=letter.to.path,
        content=compose(letter),
        template=template.name,
        template_version=template.version,
        locale=locale,
        message_id=letter.message_id,
    )


def submission_key(identity: str, template: str, forward_path: str) -> str:
    """Name a message by what makes it: the same for every retry, 32 of a-z and 2-7."""
    text = "\n".join((identity, template, forward_path))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return base64.b32encode(digest[:20]).decode().lower()


def _fields(event: Event, template: Template) -> tuple[tuple[str, str], ...]:
    own = tuple((name, fill(text, event.data)) for name, text in template.meta.fields.items())
    return (
        *own,
        *((("X-Event-Id", event.id),) if event.id else ()),
        *((("X-Event-Type", event.type),) if event.type else ()),
        ("X-Kafka-Position", str(event.ref)),
        ("X-Template", template.label),
    )


def _context(event: Event) -> Mapping[str, Any]:
    """Give templates the event's data, and the event itself where the data has no such field."""
    about = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
    }
    return {"event": about, **event.data}
