"""Reading from Kafka, and producing to it by hand; the only door to aiokafka beside the broker.

The rules, each for a reason that was seen: raw octets and no deserialiser, since one bad record
stops a deserialiser for ever. Offsets are committed explicitly, only forward, only after their
records are rows, in a task with a time limit, since `commit()` never gives up. The loop never
awaits work, since a consumer that does not poll is thrown out of its group.
"""

from aiokafka.errors import KafkaError

from bridge.consumer.consumer import Consumer
from bridge.consumer.producer import Producer, produce
from bridge.consumer.session import Counts

__all__ = ["Consumer", "Counts", "KafkaError", "Producer", "produce"]
