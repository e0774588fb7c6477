"""Reading a template's meta.toml; pure."""

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from bridge.address import MalformedAddress, read_mailbox
from bridge.routing import Meta

_KEYS = ("description", "from", "reply_to", "to", "name", "events", "locale", "headers")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_OURS = re.compile(
    r"(?i)(from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|auto-submitted|"
    r"received|return-path|x-event-id|x-event-type|x-kafka-position|x-template)|content-.*"
)


class Broken(Exception):
    """A template can't be used; the text is one line that says where and why."""


def read_meta(text: str, shown: str) -> Meta:
    """Read a meta.toml; `shown` is how messages name the file."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Broken(f"{shown}: {error}") from None
    for key in table:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
            raise Broken(f"{shown}: unknown key {key!r}; {hint}")
    default = Meta()
    return Meta(
        sender=_address(table, "from", shown),
        reply_to=_address(table, "reply_to", shown),
        to=_words(table, "to", shown) or default.to,
        name=_words(table, "name", shown) or default.name,
        events=_words(table, "events", shown),
        locale=_words(table, "locale", shown) or default.locale,
        fields=_fields(table, shown),
        description=_text(table, "description", shown),
    )


def _text(table: Mapping[str, Any], key: str, shown: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise Broken(f"{shown}: {key} must be a text")
    return value


def _words(table: Mapping[str, Any], key: str, shown: str) -> tuple[str, ...]:
    value = table.get(key, [])
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise Broken(f"{shown}: {key} must be a text or a list of texts")
    return tuple(words)


def _address(table: Mapping[str, Any], key: str, shown: str) -> str:
    text = _text(table, key, shown)
    if text and "{" not in text:
        try:
            read_mailbox(text)
        except MalformedAddress as error:
            raise Broken(f"{shown}: {key} is no address: {error}") from None
    return text


def _fields(table: Mapping[str, Any], shown: str) -> Mapping[str, str]:
    fields = table.get("headers", {})
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        raise Broken(f"{shown}: headers must be a table of texts")
    for name in fields:
        if not _FIELD_NAME.fullmatch(name) or _OURS.fullmatch(name):
            raise Broken(f"{shown}: the header field {name!r} can't be set here")
    return fields
