"""Who is told what becomes of messages, by the settings."""

from collections.abc import Callable, Coroutine
from typing import Any

from sandbox_mta.events.outbox import Channel, Outbox
from sandbox_mta.events.sender import Sender
from sandbox_mta.events.webhook import Webhook
from sandbox_mta.outbound.posting import Poster
from sandbox_mta.settings import Settings

Stage = Callable[[], Coroutine[Any, Any, None]]


def channels(settings: Settings) -> tuple[Channel, ...]:
    """Return who listens; events are kept for them alone."""
    return () if settings.webhook_url is None else (Channel.WEBHOOK,)


def stages(settings: Settings, outbox: Outbox | None) -> dict[str, Stage]:
    """Return what sends events; for the process that delivers."""
    if outbox is None or settings.webhook_url is None:
        return {}
    webhook = Webhook(
        Poster(settings.webhook_url, private=settings.webhook_private),
        format=settings.webhook_format,
        secret=settings.webhook_secret,
        hostname=settings.hostname,
    )
    return {"webhook": Sender(outbox, Channel.WEBHOOK, webhook.tell).run}
