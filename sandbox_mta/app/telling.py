"""Who is told what becomes of messages, by the settings."""

from collections.abc import Callable, Coroutine
from typing import Any

from bridge.consumer import Producer
from sandbox_mta.app import kafka
from sandbox_mta.events.outbox import Channel, Outbox
from sandbox_mta.events.sender import Sender
from sandbox_mta.events.status_topic import StatusTopic
from sandbox_mta.events.webhook import Webhook
from sandbox_mta.outbound.posting import Poster
from sandbox_mta.settings import Settings

Stage = Callable[[], Coroutine[Any, Any, None]]

AT_ONCE = 64  # messages whose events Kafka is given side by side, so that they share batches


def channels(settings: Settings) -> tuple[Channel, ...]:
    """Return who listens; events are kept for them alone."""
    webhook = () if settings.webhook_url is None else (Channel.WEBHOOK,)
    return webhook if settings.status_topic is None else (*webhook, Channel.TOPIC)


def stages(settings: Settings, outbox: Outbox | None) -> dict[str, Stage]:
    """Return what sends events; for the process that delivers. Raises `CantStart`."""
    made: dict[str, Stage] = {}
    if outbox is not None and settings.webhook_url is not None:
        made["webhook"] = _webhook(settings, settings.webhook_url, outbox)
    if outbox is not None and settings.status_topic is not None:
        made["status topic"] = _topic(settings, settings.status_topic, outbox)
    return made


def _webhook(settings: Settings, url: str, outbox: Outbox) -> Stage:
    webhook = Webhook(
        Poster(url, private=settings.webhook_private),
        format=settings.webhook_format,
        secret=settings.webhook_secret,
        hostname=settings.hostname,
    )
    return Sender(outbox, Channel.WEBHOOK, webhook.tell).run


def _topic(settings: Settings, name: str, outbox: Outbox) -> Stage:
    options = kafka.options(settings)

    async def run() -> None:
        producer = Producer(options)
        topic = StatusTopic(producer, name, hostname=settings.hostname)
        try:
            await Sender(outbox, Channel.TOPIC, topic.tell, at_once=AT_ONCE).run()
        finally:
            await producer.close()

    return run
