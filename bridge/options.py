"""Where Kafka is, and how to reach it."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_OPTIONS = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """Where the events are.

    `topics` are names, or one or more patterns that begin with `^`; `security` holds
    `security_protocol`, `sasl_mechanism`, `sasl_plain_username`, `sasl_plain_password` and
    `ssl_cafile`. Two processes with the same `instance` fence each other.
    """

    bootstrap: str
    topics: tuple[str, ...] = ("email-events",)
    group: str = "sandbox-mta"
    instance: str | None = None
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        unknown = set(self.security) - {*_OPTIONS, "ssl_cafile"}
        if unknown:
            raise ValueError(f"no Kafka option {', '.join(sorted(unknown))}")
        for topic in self.topics:
            if topic.startswith("^"):
                _check_pattern(topic)

    def client(self) -> dict[str, Any]:
        """Return the arguments that every client of aiokafka takes."""
        options: dict[str, Any] = {
            name: self.security[name] for name in _OPTIONS if name in self.security
        }
        if "SSL" in options.get("security_protocol", ""):
            options["ssl_context"] = ssl.create_default_context(
                cafile=self.security.get("ssl_cafile")
            )
        return {"bootstrap_servers": self.bootstrap, **options}

    def pattern(self) -> str | None:
        """Return one pattern for all topics, or None when they are names only."""
        if not any(topic.startswith("^") for topic in self.topics):
            return None
        parts = [t[1:] if t.startswith("^") else re.escape(t) + "$" for t in self.topics]
        # Two underscores begin the broker's own topics.
        return "^(?!__)(?:" + "|".join(f"(?:{part})" for part in parts) + ")"


def _check_pattern(topic: str) -> None:
    try:
        re.compile(topic)
    except re.error as error:
        raise ValueError(f"the topic {topic!r} is no pattern: {error}") from None
