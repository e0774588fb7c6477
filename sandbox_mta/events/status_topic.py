"""Produces events to a Kafka topic: CloudEvents in binary mode, the message's id as key."""

from bridge.consumer import KafkaError, Producer
from bridge.event import NewRecord
from sandbox_mta.events import cloudevents
from sandbox_mta.events.event import StatusEvent
from sandbox_mta.events.sender import Unreachable


class StatusTopic:
    """One topic."""

    def __init__(self, producer: Producer, topic: str, *, hostname: str) -> None:
        self._producer = producer
        self._topic = topic
        self._hostname = hostname

    async def tell(self, event: StatusEvent) -> None:
        """Produce an event, durable on return; raises `Unreachable`."""
        headers, value = cloudevents.binary(event, self._hostname)
        record = NewRecord(value, event.submission_id.encode(), tuple(headers))
        try:
            await self._producer.send(self._topic, record)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unreachable(f"{self._topic}: {error or type(error).__name__}") from None
