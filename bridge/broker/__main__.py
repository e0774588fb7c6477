"""`python -m bridge.broker`: the broker alone, until SIGINT or SIGTERM."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.broker import EmbeddedBroker, Settings, StorageError

CANNOT_RUN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.broker", description="A Kafka broker for development: one node."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9092, help="0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder of the log (default: memory)")
    parser.add_argument(
        "--topic", action="append", type=_topic, default=[], metavar="NAME[:PARTITIONS]"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        settings = Settings(default_topics=dict(options.topic))
        broker = EmbeddedBroker(options.data, options.host, options.port, settings=settings)
        asyncio.run(_serve(broker))
    except (OSError, StorageError, ValueError) as error:
        sys.stderr.write(f"kafka broker on {options.host}:{options.port}: {error}\n")
        return CANNOT_RUN
    return 0


def _topic(text: str) -> tuple[str, int]:
    name, _, partitions = text.partition(":")
    return name, int(partitions or 1)


async def _serve(broker: EmbeddedBroker) -> None:
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled.set)
    host, port = await broker.start()
    sys.stdout.write(f"{host}:{port}\n")
    sys.stdout.flush()
    ended = asyncio.create_task(broker.wait())
    stop = asyncio.create_task(signalled.wait())
    await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    await broker.stop()
    await ended


if __name__ == "__main__":
    sys.exit(main())
