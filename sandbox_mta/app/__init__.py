"""The composition root: settings in, running stages out, and an orderly end.

SMTP listens first, so that an app that is started together with the sandbox finds it; everything
else is imported in a thread afterwards, and what is submitted meanwhile waits for the store.
"""

import asyncio
import importlib
import logging
import secrets
import signal
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import uvloop

from msa.identifier import new_id
from msa.options import Login, ServerOptions
from msa.server import Listening, listen
from sandbox_mta.app import tls
from sandbox_mta.app.late import Late
from sandbox_mta.app.trouble import StageDied
from sandbox_mta.data_folder import DataFolder
from sandbox_mta.listeners import CantListen, explain, split
from sandbox_mta.settings import Settings

if TYPE_CHECKING:
    from sandbox_mta.app.assembly import Sandbox

SHUTDOWN_S = 8.5  # of ten in all; what is left then stays in the database

log = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Run the sandbox until SIGTERM or Ctrl-C.

    Returns 0 after an orderly end and 1 when a stage died. Raises `CantStart`, `CantListen` and
    `DataFolderError` when it could not run.
    """
    folder = DataFolder.hold(settings.data, settings.instance)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(settings, folder))
    finally:
        folder.release()


async def _run(settings: Settings, folder: DataFolder) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    late = Late()
    login = Login(f"bridge-{folder.instance}", secrets.token_urlsafe(24))
    secured = tls.load(settings) if "msa" in settings.stages else None
    listening = await _listen(settings, late, login, secured) if "msa" in settings.stages else None
    try:
        assembly = await asyncio.to_thread(importlib.import_module, "sandbox_mta.app.assembly")
        sandbox: Sandbox = await assembly.assemble(settings, folder, late, listening, login)
    except BaseException:
        if listening is not None:
            await listening.close(0)
        raise
    return await _supervise(sandbox, stopping, secured.fingerprint if secured else "")


async def _listen(
    settings: Settings, late: Late, login: Login, secured: tls.Tls | None
) -> Listening:
    host, port = split(settings.smtp)
    options = ServerOptions(
        hostname=settings.hostname,
        max_size=settings.max_size,
        max_recipients=settings.max_recipients,
        connections_per_host=settings.connections_per_host,
        idle_timeout_s=settings.idle_timeout,
        auth=settings.auth,
        tls_context=secured.context if secured and settings.tls_cert else None,
        proxies=settings.proxy_protocol,
        submission_keys=settings.submission_keys,
        bridge_login=login,
        lint=settings.lint,
    )
    try:
        listening = await listen(
            options,
            late,
            late,
            now=lambda: datetime.now(UTC),
            new_id=new_id,
            host=host,
            port=port,
            sessions=late,
        )
    except OSError as error:
        raise CantListen(explain(error, settings.smtp, "SANDBOX_MTA_SMTP (--smtp)")) from None
    if secured and settings.smtps is not None:
        try:
            await listening.start(*split(settings.smtps), tls=secured.context)
        except OSError as error:
            await listening.close(0)
            setting = "SANDBOX_MTA_SMTPS (--smtps)"
            raise CantListen(explain(error, settings.smtps, setting)) from None
    return listening


async def _supervise(sandbox: "Sandbox", stopping: asyncio.Event, fingerprint: str) -> int:
    """Run the stages until one dies or the sandbox is told to stop; return the exit status."""
    status = 0
    try:
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(_watch(sandbox, name, stage()), name=name)
                for name, stage in sandbox.stages.items()
            ]
            sandbox.announce(fingerprint)
            group.create_task(_stop_when_told(sandbox, stopping, running))
    except* StageDied as died:
        for error in died.exceptions:
            log.error("%s", error, exc_info=error.__cause__)
        status = 1
    finally:
        await sandbox.close()
    log.info("stopped")
    return status


async def _watch(sandbox: "Sandbox", name: str, stage: Coroutine[Any, Any, None]) -> None:
    try:
        await stage
    except Exception as error:
        raise StageDied(f"stage {name} died: {type(error).__name__}: {error}") from error
    if not sandbox.is_stopping:
        raise StageDied(f"stage {name} ended by itself")


async def _stop_when_told(
    sandbox: "Sandbox", stopping: asyncio.Event, running: Sequence["asyncio.Task[None]"]
) -> None:
    await stopping.wait()
    log.info("stopping")
    try:
        async with asyncio.timeout(SHUTDOWN_S):
            await sandbox.stop()
    except TimeoutError:
        log.warning("not done after %.0f s; the rest stays in the database", SHUTDOWN_S)
    for task in running:
        task.cancel()
