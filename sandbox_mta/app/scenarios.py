"""The scenario file: read at the start, and again whenever it changes."""

import asyncio
import logging
from pathlib import Path

from sandbox_mta.app.trouble import CantStart, Trouble
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.scenario.language import ScenarioError, read_rules
from sandbox_mta.mta.scenario.rules import Rules

LOOK_EVERY_S = 1.0
MAX_OCTETS = 5_000_000  # of a file

Stamp = tuple[int, int] | None  # time of change and size; None: there is no such file

log = logging.getLogger(__name__)


def read_file(path: Path) -> Rules:
    """Read a scenario file; raises `ScenarioError`."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
        if len(octets) > MAX_OCTETS:
            raise ScenarioError((f"{path}: a scenario file has at most {MAX_OCTETS} octets",))
        return read_rules(octets.decode("utf-8"), str(path))
    except OSError as error:
        raise ScenarioError((f"can't read {path}: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise ScenarioError((f"{path}: it is not UTF-8",)) from None


class ScenarioFile:
    """Keeps a `Scenario` at what its file says; a broken file changes nothing."""

    def __init__(self, path: Path, scenario: Scenario) -> None:
        """Read the file; raises `CantStart`."""
        self._path, self._scenario = path, scenario
        self._stamp = self._look()
        try:
            scenario.rules = read_file(path)
        except ScenarioError as error:
            raise CantStart(str(error)) from None

    async def watch(self) -> None:
        """Look at the file for ever; to be cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.reread)

    def reread(self) -> None:
        """Put the rules of the file in force if it has changed; says so, or what is wrong."""
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            rules = read_file(self._path)
        except ScenarioError as error:
            version = self._scenario.rules.version
            log.warning("scenario %s stays in force: %s", version, "; ".join(error.problems))
            return
        self._scenario.rules = rules
        log.info("scenario %s is in force: %d rules", rules.version, len(rules.rules))

    def _look(self) -> Stamp:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def check(path: Path) -> str:
    """Return a line on a file that is good; raises `Trouble` with a line for each problem."""
    try:
        rules = read_file(path)
    except ScenarioError as error:
        raise Trouble(str(error)) from None
    count = len(rules.rules)
    return f"{path}: {count} {'rule' if count == 1 else 'rules'}, version {rules.version}"
