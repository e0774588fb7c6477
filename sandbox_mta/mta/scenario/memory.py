"""What exchangers remember from one message to the next: greylists, buckets, counters."""

from sandbox_mta.mta.ports import Notes

MAX_NOTES = 100_000  # some 300 octets each; beyond, what changed longest ago is forgotten
MAX_KEY = 400  # characters; what is longer is cut, and shares a note


class Memory:
    """Notes by rule and key, and which of them changed since they were last saved."""

    def __init__(self, notes: Notes | None = None, limit: int = MAX_NOTES) -> None:
        """`notes` are in the order of their last change."""
        self._limit = limit
        self._notes = dict(notes or {})
        self._changed: dict[tuple[str, str], tuple[int, ...]] = {}

    def read(self, rule: str, key: str) -> tuple[int, ...]:
        """Return a note; () when there is none."""
        return self._notes.get((rule, key[:MAX_KEY]), ())

    def write(self, rule: str, key: str, numbers: tuple[int, ...]) -> None:
        """Take a note."""
        place = (rule, key[:MAX_KEY])
        self._notes.pop(place, None)  # the order is that of the last change
        if len(self._notes) >= self._limit:
            oldest = next(iter(self._notes))
            del self._notes[oldest]
            self._changed[oldest] = ()
        self._notes[place] = self._changed[place] = numbers

    def changes(self) -> Notes:
        """Return what changed since the last call."""
        changed, self._changed = self._changed, {}
        return changed

    def take_back(self, changes: Notes) -> None:
        """Let changes that could not be saved be returned again; what changed since counts more."""
        self._changed = {**changes, **self._changed}
