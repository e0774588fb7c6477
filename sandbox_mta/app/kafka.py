"""Where Kafka is, by the settings: a real cluster, or the embedded broker."""

from bridge.options import KafkaOptions
from sandbox_mta.app.trouble import CantStart
from sandbox_mta.settings import Settings

EMBEDDED_PORT = 9092
HOST = "127.0.0.1"
PARTITIONS = 4  # of the topics that are made at start


def embedded_port(settings: Settings) -> int | None:
    """Return the port of the embedded broker; None when a real cluster or none is used."""
    name, _, port = settings.kafka.partition(":")
    if name != "embedded":
        return None
    return int(port) if port else EMBEDDED_PORT


def bootstrap(settings: Settings) -> str | None:
    """Return the addresses of Kafka, `HOST:PORT[,...]`; None when it is off."""
    port = embedded_port(settings)
    if port is not None:
        return f"{HOST}:{port}"
    return None if settings.kafka == "off" else settings.kafka


def options(settings: Settings, instance: str | None = None) -> KafkaOptions:
    """Return how to reach Kafka; raises `CantStart` for options that can't be used."""
    try:
        return KafkaOptions(
            bootstrap=bootstrap(settings) or "",
            topics=settings.topics,
            group=settings.group,
            instance=instance,
            security=settings.kafka_options,
        )
    except ValueError as error:
        raise CantStart(f"kafka_options: {error}") from None
