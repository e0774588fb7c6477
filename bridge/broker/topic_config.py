"""What a topic may be called, and its settings: their defaults, and what they may hold.

Names and defaults are Kafka's. `retention.ms`, `retention.bytes` and `max.message.bytes` have an
effect; the others are kept and answered, so that tools which set them work.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.broker.codes import Code

MAX_MESSAGE_OCTETS = 1_048_588  # Kafka's default: 1 MiB and a batch's overhead
_LEGAL_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_RETENTION_MS = 7 * 24 * 60 * 60 * 1000


def _number(low: int, high: int = 2**63 - 1) -> Callable[[str], bool]:
    def accepts(value: str) -> bool:
        digits = value.removeprefix("-")
        plain = digits.isascii() and digits.isdigit() and len(digits) < 20
        return plain and low <= int(value) <= high

    return accepts


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda value: value in words


def _listed(*words: str) -> Callable[[str], bool]:
    return lambda value: all(item.strip() in words for item in value.split(","))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting a topic can have."""

    default: str
    accepts: Callable[[str], bool]


_INT = 2**31 - 1
SETTINGS: Mapping[str, Setting] = {
    "cleanup.policy": Setting("delete", _listed("delete", "compact")),
    "compression.type": Setting(
        "producer", _one_of("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd")
    ),
    "delete.retention.ms": Setting("86400000", _number(0)),
    "file.delete.delay.ms": Setting("60000", _number(0)),
    "flush.messages": Setting("9223372036854775807", _number(1)),
    "flush.ms": Setting("9223372036854775807", _number(0)),
    "index.interval.bytes": Setting("4096", _number(0, _INT)),
    "max.compaction.lag.ms": Setting("9223372036854775807", _number(1)),
    "max.message.bytes": Setting(str(MAX_MESSAGE_OCTETS), _number(0, _INT)),
    "message.timestamp.type": Setting("CreateTime", _one_of("CreateTime", "LogAppendTime")),
    "min.cleanable.dirty.ratio": Setting("0.5", lambda value: value.replace(".", "", 1).isdigit()),
    "min.compaction.lag.ms": Setting("0", _number(0)),
    "min.insync.replicas": Setting("1", _number(1, _INT)),
    "preallocate": Setting("false", _one_of("true", "false")),
    "retention.bytes": Setting("-1", _number(-1)),
    "retention.ms": Setting(str(_RETENTION_MS), _number(-1)),
    "segment.bytes": Setting("1073741824", _number(1024 * 1024, _INT)),
    "segment.index.bytes": Setting("10485760", _number(4, _INT)),
    "segment.jitter.ms": Setting("0", _number(0)),
    "segment.ms": Setting(str(_RETENTION_MS), _number(1)),
    "unclean.leader.election.enable": Setting("false", _one_of("true", "false")),
}


@dataclass(frozen=True, slots=True)
class Configs:
    """What was set for one topic, over the defaults."""

    set: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return self.set.get(name, SETTINGS[name].default)

    @property
    def retention_ms(self) -> int:
        return int(self.value("retention.ms"))

    @property
    def retention_octets(self) -> int:
        return int(self.value("retention.bytes"))

    @property
    def max_message_octets(self) -> int:
        return int(self.value("max.message.bytes"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request about a topic is refused: a code, and a sentence for people."""

    code: Code
    message: str


def is_legal_name(topic: str) -> bool:
    """Say whether a topic may have this name."""
    return _LEGAL_NAME.fullmatch(topic) is not None and topic not in (".", "..")


def check(settings: Mapping[str, str | None]) -> Refusal | None:
    """Say what is wrong with settings somebody wants to make."""
    for name, value in settings.items():
        if name not in SETTINGS:
            return Refusal(Code.INVALID_CONFIG, f"Unknown topic config name: {name[:100]}")
        if value is None or not SETTINGS[name].accepts(value):
            return Refusal(Code.INVALID_CONFIG, f"Invalid value for configuration {name}")
    return None
