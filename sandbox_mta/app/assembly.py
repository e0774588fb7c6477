"""Puts the stages together: every part is made here and handed what it needs.

Imported after SMTP listens, since it imports everything.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge.broker.broker import EmbeddedBroker
from bridge.broker.database import StorageError
from bridge.broker.node import Settings as BrokerSettings
from bridge.pipeline import House
from bridge.rendering.catalogue import Catalogue, find_templates
from bridge.routing import TopicDefaults
from bridge.stage import Bridge
from bridge.submit import Server, SmtpSubmitter
from msa.options import Login
from msa.server import Listening
from sandbox_mta import logs
from sandbox_mta.app import banner, faults, kafka, retention, space, telling, zones
from sandbox_mta.app.answers import Answers
from sandbox_mta.app.control import Control
from sandbox_mta.app.late import Late
from sandbox_mta.app.scenarios import ScenarioFile
from sandbox_mta.app.trouble import CantStart
from sandbox_mta.app.webserver import WebServer
from sandbox_mta.data_folder import DataFolder
from sandbox_mta.listeners import CantListen, bind, explain, reachable, split
from sandbox_mta.mta.clock import ClockKeeper, parse_mode
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.scenario.memory import MAX_NOTES, Memory
from sandbox_mta.mta.schedule import named
from sandbox_mta.mta.worker import Worker
from sandbox_mta.settings import Settings
from sandbox_mta.store import open_store
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import StoreError
from sandbox_mta.store.suppressions import SuppressionList
from sandbox_mta.web.app import create_app
from sandbox_mta.web.guard import is_loopback

Stage = Callable[[], Coroutine[Any, Any, None]]

BRIDGE_STOP_S = 6.0  # for what is being submitted
MSA_STOP_S = 2.0  # for transactions under way
CLOSE_S = 1.5  # for the last commit and the broker's

log = logging.getLogger(__name__)


async def assemble(
    settings: Settings,
    folder: DataFolder,
    late: Late,
    listening: Listening | None,
    login: Login,
) -> "Sandbox":
    """Open the store and make every stage; raises `CantStart` and `CantListen`."""
    logs.configure(settings.log)
    if settings.lint_dns == "live":
        log.warning("lint asks name servers: domains of messages leave this machine")
    try:
        store = await open_store(
            settings.database,
            folder=settings.data,
            instance=folder.instance,
            delivers="mta" in settings.stages,
            after_commit=faults.after_commit(),
            lint_options=settings.lint_options,
            fixes_as=settings.hostname if settings.fix else None,
            channels=telling.channels(settings),
        )
    except StoreError as error:
        raise CantStart(str(error)) from None
    try:
        keeper = await ClockKeeper.start(store.clock, parse_mode(settings.clock))
    except StoreError as error:
        await store.close()
        raise CantStart(str(error)) from None
    store.use_clock(keeper.clock.now)
    sandbox = Sandbox(settings, folder, store, keeper, listening)
    try:
        await sandbox.make(login)
    except BaseException:
        await sandbox.close()
        raise
    late.open(store.submissions, store.lint, store.sessions)
    return sandbox


class Sandbox:
    """The stages of this process."""

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        store: Store,
        keeper: ClockKeeper,
        listening: Listening | None,
    ) -> None:
        self._settings, self._folder = settings, folder
        self._store, self._keeper, self._listening = store, keeper, listening
        self._worker: Worker | None = None
        self._control: Control | None = None
        self._broker: EmbeddedBroker | None = None
        self._bridge: Bridge | None = None
        self._submitter: SmtpSubmitter | None = None
        self._web: WebServer | None = None
        self._answers: Answers | None = None
        self._ending = asyncio.Event()
        self.stages: dict[str, Stage] = {
            "store": store.watch,
            "space": lambda: space.watch(store.database.size_octets),
        }
        if settings.retention != "all":
            newest, younger_than = retention.limits(settings.retention)
            kept = store.retention(newest=newest, younger_than=younger_than)
            self.stages["retention"] = lambda: retention.keep(kept.enforce)

    @property
    def is_stopping(self) -> bool:
        return self._ending.is_set()

    async def make(self, login: Login) -> None:
        """Make the stages of the settings, in the order in which they depend on each other."""
        wanted = self._settings.stages
        if "msa" in wanted:
            self.stages["lint"] = self._store.lint.run
        if "mta" in wanted:
            await self._make_mta()
        if "bridge" in wanted and self._settings.kafka != "off":
            await self._make_broker()
            await self._make_bridge(login)
        if "web" in wanted:
            self._make_web()

    async def _make_mta(self) -> None:
        files = zones.ZoneFiles([Path(path) for path in self._settings.zones])
        answers = Answers(self._store.dns_answers.keep)
        router = await asyncio.to_thread(zones.router_of, self._settings, files, answers.told)
        if self._settings.unknown_domains == "lookup":
            self._answers = answers
            self.stages["answers"] = answers.run
        if self._settings.zones:
            self.stages["zones"] = lambda: zones.follow(files, router.use)
        scenario = Scenario(memory=Memory(await self._store.notes.load_notes(MAX_NOTES)))
        if self._settings.scenarios is not None:
            self.stages["scenarios"] = ScenarioFile(self._settings.scenarios, scenario).watch
        worker = Worker(
            self._store.deliveries,
            self._keeper.clock,
            router=router,
            schedule=named(self._settings.schedule),
            scenario=scenario,
            notes=self._store.notes,
            suppressions=self._suppressions(),
            hostname=self._settings.hostname,
        )
        self._worker = worker
        self._control = Control(worker, self._keeper)
        self.stages["mta"] = worker.run
        self.stages["clock"] = self._keeper.follow
        self.stages |= telling.stages(self._settings, self._store.outbox)

    def _suppressions(self) -> SuppressionList | None:
        if not self._settings.suppression:
            return None
        self._store.deliveries.write_beside(self._store.suppressions.list_failed)
        return self._store.suppressions

    async def _make_broker(self) -> None:
        port = kafka.embedded_port(self._settings)
        if port is None:
            return
        names = [name for name in self._settings.topics if name[:1] != "^"]
        names += [self._settings.status_topic] if self._settings.status_topic else []
        topics = dict.fromkeys(names, kafka.PARTITIONS)
        broker = EmbeddedBroker(
            self._settings.data / "broker",
            kafka.HOST,
            port,
            settings=BrokerSettings(default_topics=topics),
        )
        try:
            await broker.start()
        except OSError as error:
            setting = "SANDBOX_MTA_KAFKA (--kafka embedded:PORT)"
            raise CantListen(explain(error, f"{kafka.HOST}:{port}", setting)) from None
        except StorageError as error:
            raise CantStart(f"the embedded broker can't open its log: {error}") from None
        self._broker = broker
        self.stages["broker"] = broker.wait

    async def _make_bridge(self, login: Login) -> None:
        settings = self._settings
        catalogue = await asyncio.to_thread(Catalogue, find_templates(settings.templates))
        self._submitter = SmtpSubmitter(self._server(login), domain=settings.hostname)
        self._bridge = Bridge(
            self._store.events,
            self._submitter,
            catalogue,
            kafka=kafka.options(settings, self._folder.instance),
            house=House(
                domain=settings.hostname,
                sender=f"Sandbox <no-reply@{settings.hostname}>",
                topics={
                    name: TopicDefaults(given.default_template or "", given.default_to or "")
                    for name, given in settings.topic_defaults.items()
                },
            ),
        )
        self.stages["bridge"] = self._bridge.run

    def _server(self, login: Login) -> Server:
        """Return where the bridge submits."""
        if self._settings.submit is not None:
            host, port = split(self._settings.submit)
            if not is_loopback(host):
                log.warning("the bridge submits to %s:%d: mail leaves this machine", host, port)
            return Server(host, port)
        if self._listening is None:
            raise CantStart("the bridge has no MSA in this process; name one with --submit")
        host, port = self._listening.address
        if self._settings.auth == "required":
            return Server(reachable(host), port, login.user, login.password)
        return Server(reachable(host), port)

    def _make_web(self) -> None:
        settings = self._settings
        host, _ = split(settings.http)
        app = create_app(
            self._store.inbox,
            self._control,
            self,
            suppressions=self._store.suppressions,
            smtp=settings.smtp,
            hostname=settings.hostname,
            hosts=settings.http_hosts if is_loopback(host) else None,
            stopping=self._ending,
        )
        self._web = WebServer(app, bind(settings.http, "SANDBOX_MTA_HTTP (--http)"))
        self.stages["web"] = self._web.run_until_stopped

    def announce(self, fingerprint: str) -> None:
        """Say on stdout where everything is, and what to try; `fingerprint` is that of TLS."""
        database = str(self._store.database.address)
        sys.stdout.write(banner.text(self._settings, database, fingerprint))
        sys.stdout.flush()
        log.info("ready", extra={"stages": ",".join(self._settings.stages)})

    def not_ready(self) -> list[str]:
        """Name what keeps the sandbox from working; see `Health`."""
        return ["the sandbox is stopping"] if self.is_stopping else []

    async def pending(self) -> Mapping[str, int]:
        """Count what is still to do; see `Health`."""
        store = self._store
        return {
            "deliveries": await store.deliveries.unsettled(self._keeper.clock.now()),
            "lint": await store.lint.pending(),
            "events": await store.events.backlog(),
        }

    async def stop(self) -> None:
        """End every stage in order: first what brings work, last what does it."""
        self._ending.set()
        if self._web is not None:
            self._web.stop()
        if self._bridge is not None:
            await self._bridge.stop(BRIDGE_STOP_S)
        if self._listening is not None:
            await self._listening.close(MSA_STOP_S)
        if self._worker is not None:
            self._worker.stop()
        await self._store.deliveries.flush()
        if self._answers is not None:
            await self._answers.flush()

    async def close(self) -> None:
        """Give back everything; what is not committed by now stays for the next start."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                if self._submitter is not None:
                    await self._submitter.close()
                if self._listening is not None:
                    await self._listening.close(0)
                await self._keeper.close()
                await self._store.close()
                if self._broker is not None:
                    await self._broker.stop()
