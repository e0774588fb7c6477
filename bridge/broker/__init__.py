"""The embedded development broker: speaks Kafka's protocol, keeps its log in SQLite.

broker = EmbeddedBroker(folder, port=9092, settings=Settings(default_topics={"orders": 4}))
host, port = await broker.start()
"""

from bridge.broker.broker import BANNER, EmbeddedBroker
from bridge.broker.database import StorageError
from bridge.broker.node import Settings
from bridge.broker.server import Limits

__all__ = ["BANNER", "EmbeddedBroker", "Limits", "Settings", "StorageError"]
