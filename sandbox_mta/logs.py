"""Structured logs: key=value lines with colour on a terminal, one JSON object a line elsewhere."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = ("debug", "info", "warning", "error")


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Send every record of the process, ours and the libraries', to `stream`."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_rendering(stream),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _quieten_libraries()


def _rendering(stream: TextIO) -> list[Processor]:
    if not stream.isatty():
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # The traceback by default shows local variables: passwords, and what clients sent.
    plain = structlog.dev.plain_traceback
    return [
        structlog.processors.format_exc_info,
        _harmless,
        structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=plain),
    ]


def _harmless(logger: WrappedLogger, method: str, record: EventDict) -> EventDict:
    """Spell out what would move the terminal's cursor: a record may quote anybody."""
    for key, value in record.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            record[key] = "\n".join(map(_printable, lines))
    return record


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _quieten_libraries() -> None:
    # They say at info what concerns only them, and aiokafka repeats at error what we report once.
    for name in ("aiokafka", "mail.log", "uvicorn", "alembic", "asyncio", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
