"""From an event to a template and its recipients; pure.

The event's type names the template: `welcome`, or one of the types that `events` in a template's
meta.toml lists, however it is spelled: `com.example.user.signed-up.v1` and `UserSignedUp` both
fit `user.signed-up`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bridge.address import Mailbox, MalformedAddress, read_mailbox
from bridge.event import Event, Reason, Unusable

MAX_RECIPIENTS = 1000  # of one event; the MSA's own limit for one message
DEFAULT_TO = (
    "to",
    "email",
    "recipient",
    "user.email",
    "customer.email",
    "recipient_email",
    "user_email",
)
_VERSION = re.compile(r"_v?\d+$")
_WORDS = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FILL = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What a template's meta.toml says.

    `to`, `name` and `locale` are dotted paths into the event's data (`user.email`); in `sender`,
    `reply_to` and `fields` a `{dotted.path}` is replaced by the value that stands there.
    """

    sender: str = ""  # "from" in the file; "" is the house's own
    reply_to: str = ""
    to: tuple[str, ...] = DEFAULT_TO
    name: tuple[str, ...] = ("name", "user.name", "customer.name")
    events: tuple[str, ...] = ()
    locale: tuple[str, ...] = ("locale", "user.locale", "customer.locale")
    fields: Mapping[str, str] = field(default_factory=dict)  # "headers" in the file
    description: str = ""


@dataclass(frozen=True, slots=True)
class TopicDefaults:
    """What an event gets when it names no template or no recipient itself."""

    template: str = ""
    to: str = ""


class RouteTable:
    """Finds the template of an event type."""

    def __init__(self, metas: Mapping[str, Meta]) -> None:
        self._names = tuple(metas)
        exact = {event: name for name, meta in metas.items() for event in meta.events}
        self._exact = {**exact, **{name: name for name in metas}}
        self._plain = {_normalised(event): name for event, name in self._exact.items()}

    def template_of(self, event_type: str) -> str | None:
        """Return the name of the template for a type, or None."""
        if event_type in self._exact:
            return self._exact[event_type]
        for spelling in _spellings(event_type):
            if spelling in self._plain:
                return self._plain[spelling]
        return None

    def hint(self, event_type: str) -> str:
        """Say which templates there are, the likeliest first."""
        near = difflib.get_close_matches(event_type, self._exact, n=1, cutoff=0.6)
        if near:
            return f"did you mean {near[0]}?"
        return "there are " + (", ".join(sorted(self._names)[:20]) or "none")


def choose_template(event: Event, table: RouteTable, defaults: TopicDefaults) -> str | Unusable:
    """Choose the template of an event."""
    if event.type:
        name = table.template_of(event.type)
        if name is not None:
            return name
    if defaults.template:
        return defaults.template
    if not event.type:
        detail = "the event has no type, and its topic no default_template"
    else:
        detail = f'no template for "{event.type}"; {table.hint(event.type)}'
    return Unusable(event.ref, Reason.UNROUTED, detail)


def choose_recipients(
    event: Event, meta: Meta, defaults: TopicDefaults
) -> tuple[Mailbox, ...] | Unusable:
    """Read the recipients of an event: each once, in the order given."""
    path, value = next(_found(event.data, meta.to), ("default_to", defaults.to))
    name = next((v for _, v in _found(event.data, meta.name) if isinstance(v, str)), "")
    if not value:
        expected = ", ".join(meta.to)
        return Unusable(event.ref, Reason.RECIPIENT, f"no recipient: the data has no {expected}")
    values = value if isinstance(value, list) else [value]
    if len(values) > MAX_RECIPIENTS:
        detail = f'"{path}" lists {len(values)} recipients; at most {MAX_RECIPIENTS}'
        return Unusable(event.ref, Reason.RECIPIENT, detail)
    found: dict[str, Mailbox] = {}
    for item in values:
        try:
            # A name that stands beside one address is not that of every address in a list.
            mailbox = _mailbox(item, name if len(values) == 1 else "")
        except MalformedAddress as error:
            return Unusable(event.ref, Reason.RECIPIENT, f'"{path}" {_shown(item)}: {error}')
        found.setdefault(mailbox.path, mailbox)
    return tuple(found.values())


def choose_locale(event: Event, meta: Meta) -> str:
    """Return the locale that an event asks for, or ""."""
    for _, value in _found(event.data, meta.locale):
        if isinstance(value, str) and re.fullmatch(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", value):
            return value[:35]
    return ""


def fill(text: str, data: Mapping[str, Any]) -> str:
    """Replace each `{dotted.path}` by its value; raises `KeyError` for one that isn't there."""

    def value_of(match: re.Match[str]) -> str:
        value = look_up(data, match[1])
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise KeyError(match[1])
        return str(value)

    return _FILL.sub(value_of, text)


def look_up(data: Any, path: str) -> Any:
    """Follow a dotted path; None when there is nothing."""
    for step in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def _found(data: Mapping[str, Any], paths: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        value = look_up(data, path)
        # An object that names no address is no recipient ("user" may be anything).
        if isinstance(value, Mapping) and not value.get("email"):
            continue
        if value:
            yield path, value


def _mailbox(item: Any, name: str) -> Mailbox:
    if isinstance(item, Mapping):
        own_name = item.get("name", "")
        item, name = item.get("email"), own_name if isinstance(own_name, str) else ""
    if not isinstance(item, str):
        raise MalformedAddress("an address is a text, or an object with an email")
    return read_mailbox(item, name)


def _shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 80 else text[:77] + "..."


@lru_cache(maxsize=1000)
def _spellings(event_type: str) -> tuple[str, ...]:
    """Spell a type plainly, then without its version, then without leading words."""
    plain = _normalised(event_type)
    bare = _VERSION.sub("", plain)
    words = bare.split("_")
    # A tail only fits a whole name: `com.example.welcome` is `welcome`, `user.created` no `user`.
    tails = ["_".join(words[start:]) for start in range(1, len(words))]
    return tuple(dict.fromkeys((plain, bare, *tails)))


def _normalised(name: str) -> str:
    return _WORDS.sub("_", _CAMEL.sub("_", name).lower()).strip("_")
