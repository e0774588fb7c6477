"""Structured logs: key=value lines with colour on a terminal, one JSON object a line elsewhere."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

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
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(pad_event_to=0)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _quieten_libraries() -> None:
    # They say at info what concerns only them, and aiokafka repeats at error what we report once.
    for name in ("aiokafka", "mail.log", "uvicorn", "alembic", "asyncio", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
