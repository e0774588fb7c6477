"""The shapes in which events are posted: ours, and those of providers' webhooks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox_mta.events import cloudevents
from sandbox_mta.events.event import StatusEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a shape says besides the event."""

    hostname: str  # of the sandbox
    secret: bytes = b""  # empty: nothing is signed
    signed_at: int = 0  # seconds since 1970, real time


@dataclass(frozen=True, slots=True)
class Body:
    """What is posted, and what kind of content it is."""

    octets: bytes
    content_type: str = "application/json"


# None: this provider tells nobody of such an event.
Format = Callable[[StatusEvent, House], Body | None]


def _cloudevents(event: StatusEvent, house: House) -> Body:
    octets = cloudevents.structured(event, house.hostname)
    return Body(octets, "application/cloudevents+json; charset=utf-8")


FORMATS: Mapping[str, Format] = {"cloudevents": _cloudevents}
