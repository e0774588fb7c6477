"""What exchangers remember from one message to the next: greylists, buckets, counters."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

MAX_NOTES = 100_000  # some 300 octets each; beyond, the oldest is forgotten
MAX_KEY = 400  # characters; what is longer is cut, and shares a note


class Place(NamedTuple):
    """Which note is meant."""

    rule: str
    key: str


Values = tuple[int, ...]


class Memory:
    """Notes by rule and key, and which of them changed since they were last saved."""

    def __init__(self, notes: Mapping[Place, Values] | None = None) -> None:
        self._notes: dict[Place, Values] = dict(notes or {})
        self._changed: dict[Place, Values] = {}

    def read(self, rule: str, key: str) -> Values:
        """Return a note; () when there is none."""
        return self._notes.get(Place(rule, key[:MAX_KEY]), ())

    def write(self, rule: str, key: str, values: Values) -> None:
        """Take a note of whole numbers."""
        place = Place(rule, key[:MAX_KEY])
        if place not in self._notes and len(self._notes) >= MAX_NOTES:
            self.forget(next(iter(self._notes)))
        self._notes[place] = self._changed[place] = values

    def forget(self, place: Place) -> None:
        """Drop a note; () is what is saved of it."""
        self._notes.pop(place, None)
        self._changed[place] = ()

    def changes(self) -> Mapping[Place, Values]:
        """Return what changed since the last call; () stands for a note that was dropped."""
        changed, self._changed = self._changed, {}
        return changed

    def unsaved(self, changes: Mapping[Place, Values]) -> None:
        """Take changes back that could not be saved; what changed since counts more."""
        self._changed = {**changes, **self._changed}

    def places(self) -> Iterable[Place]:
        return self._notes.keys()
