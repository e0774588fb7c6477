"""A pytest plugin that runs aiosmtpd's own tests against our server.

Their test modules import what they share from a `conftest` beside them. This module stands in its
place, under its name: the same fixtures, but `get_controller` gives a `Controller` that runs
`msa.server` with a store in memory on a thread. Replies are compared by code, since the words
differ, and some codes as well: `OTHER_CODES` lists them. Nothing of theirs is copied.
"""

import asyncio
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from importlib.resources import files
from ipaddress import ip_network
from smtplib import SMTP
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any, Literal, NamedTuple

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import Envelope
from aiosmtpd.testing.statuscodes import SMTP_STATUS_CODES, StatusCode

from msa.envelope import Submission
from msa.options import Login, ServerOptions
from msa.server import Listening, listen
from tests.dialogues.serving import NOW, MemoryStore, WordLinter
from tests.integration.aiosmtpd_table import DOES_NOT_APPLY

PATIENCE_S = 10.0
_BARE_PATH = re.compile(r"(MAIL FROM: *|RCPT TO: *)([^ <>][^<>]*)")
_CERTIFICATES = files("aiosmtpd") / "tests" / "certs"
SERVER_CRT = str(_CERTIFICATES / "server.crt")
SERVER_KEY = str(_CERTIFICATES / "server.key")

# Replies where our code is another one, and why.
OTHER_CODES = {
    # RFC 5321 section 4.2.2: help is 214.
    "S250_SUPPCMD_NOTLS": 214,
    "S250_SUPPCMD_TLS": 214,
    **{f"S250_SYNTAX_{verb}": 214 for verb in ("HELO", "EHLO", "DATA", "RSET", "NOOP", "QUIT")},
    **{f"S250_SYNTAX_{verb}": 214 for verb in ("VRFY", "AUTH", "STARTTLS")},
    **{f"S250_SYNTAX_{verb}": 214 for verb in ("MAIL", "RCPT", "MAIL_E", "RCPT_E")},
    "S501_SUPPCMD_NOTLS": 504,  # section 4.2.4: a parameter that is not implemented
    "S553_MALFORMED": 501,  # section 4.2.2: a syntax error in the argument
    "S501_MAIL_BODY": 501,
    "S454_TLS_NA": 502,  # RFC 3207 section 4: 454 is for a failure that passes
    "S500_AUTH_UNRECOG": 503,  # after HELO: the command is known, the order is wrong
    "S501_TOO_FEW": 504,  # RFC 4954 section 4: no mechanism is one we don't know
}


class HostPort(NamedTuple):
    host: str = "127.0.0.1"
    port: int = 0


class Global:
    """The address of the server that was started last; its name is theirs."""

    SrvAddr = HostPort()

    @classmethod
    def set_addr_from(cls, controller: "Controller") -> None:
        cls.SrvAddr = HostPort(controller.hostname, controller.port)


class BoxStore(MemoryStore):
    """Puts what is accepted into the box that their handler has."""

    def __init__(self, handler: Any, *, decode: bool) -> None:
        super().__init__()
        self._handler, self._decode = handler, decode

    async def accept(self, submission: Submission, findings: Any = None, fixed: Any = None) -> str:
        received: Any = Envelope()
        received.mail_from = submission.envelope.reverse_path
        received.rcpt_tos = [each.forward_path for each in submission.envelope.recipients]
        content = submission.content
        received.content = content.decode() if self._decode else content
        if hasattr(self._handler, "box"):
            self._handler.box.append(received)
        return await super().accept(submission, findings)


class Controller:
    """Our server with the face of aiosmtpd's controller."""

    hostname = "127.0.0.1"

    def __init__(self, handler: Any, options: ServerOptions, settings: dict[str, Any]) -> None:
        self.handler = handler
        self.port = 0
        self.smtpd = SimpleNamespace(_proxy_timeout=options.idle_timeout_s)
        self._options = options
        self._implicit_tls: ssl.SSLContext | None = settings.get("ssl_context")
        self._store = BoxStore(handler, decode=bool(settings.get("decode_data")))
        self._thread: Thread | None = None

    def start(self) -> None:
        started: Future[int] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(started)))
        self._thread.start()
        self.port = started.result(PATIENCE_S)

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive()
            self._thread = None

    async def _serve(self, started: "Future[int]") -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        listening = await self._listen()
        started.set_result(listening.address[1])
        await self._ended.wait()
        await listening.close(drain_s=0)

    async def _listen(self) -> Listening:
        arguments: Any = {"now": lambda: NOW, "new_id": lambda: "s-1", "host": self.hostname}
        listening = await listen(self._options, self._store, WordLinter(), port=0, **arguments)
        if self._implicit_tls is not None:
            await listening.start(self.hostname, 0, tls=self._implicit_tls)
            listening._servers.reverse()  # their client connects to the first
        return listening


def options_from(settings: dict[str, Any]) -> ServerOptions:
    """Read their controller's arguments as choices of ours."""
    auth: Literal["any", "required"] = "required" if settings.get("auth_required") else "any"
    proxied = "proxy_protocol_timeout" in settings
    return ServerOptions(
        hostname="msa.example",
        max_size=settings.get("data_size_limit") or 33_554_432,
        auth=auth,
        tls_context=settings.get("tls_context"),
        proxies=(ip_network("127.0.0.0/8"),) if proxied else (),
        idle_timeout_s=settings.get("proxy_protocol_timeout", 300.0),
        bridge_login=Login("goodlogin", "goodpasswd"),  # whose wrong password is refused
    )


controller_data = pytest.mark.controller_data
handler_data = pytest.mark.handler_data


def marked(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    marker = request.node.get_closest_marker(name)
    return dict(marker.kwargs) if marker else {}


@pytest.fixture
def get_controller(request: pytest.FixtureRequest) -> Callable[..., Controller]:
    def get(handler: Any, **settings: Any) -> Controller:
        settings = marked(request, "controller_data") | settings
        assert "class_" not in settings, "a test of aiosmtpd's classes"
        return Controller(handler, options_from(settings), settings)

    return get


@pytest.fixture
def get_handler(request: pytest.FixtureRequest) -> Callable[..., Any]:
    settings = marked(request, "handler_data")
    return lambda: settings.get("class_", Sink)(*settings.get("args_", ()))


@pytest.fixture
def plain_controller(
    get_handler: Callable[..., Any], get_controller: Callable[..., Controller]
) -> Iterator[Controller]:
    controller = get_controller(get_handler())
    controller.start()
    Global.set_addr_from(controller)
    yield controller
    controller.stop()


class BracketingClient(SMTP):
    """Puts the brackets around a path that RFC 5321 section 4.1.2 wants and theirs doesn't."""

    def putcmd(self, cmd: str, args: str = "") -> None:
        super().putcmd(_BARE_PATH.sub(r"\1<\2>", cmd), args)


@pytest.fixture
def client() -> Iterator[SMTP]:
    connected = BracketingClient(*Global.SrvAddr)
    yield connected
    connected.close()


@pytest.fixture
def ssl_context_server() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(SERVER_CRT, SERVER_KEY)
    return context


@pytest.fixture
def ssl_context_client() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=SERVER_CRT)
    context.check_hostname = False
    return context


@pytest.fixture(autouse=True, scope="session")
def known_name() -> Iterator[None]:
    """Spare smtplib the question for this machine's name, which may take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getfqdn", lambda name="": "client.example")
        yield


def compare_by_code() -> None:
    """Make a reply equal to their expectation when its code is."""
    for name, code in OTHER_CODES.items():
        expected = getattr(SMTP_STATUS_CODES, name)
        setattr(SMTP_STATUS_CODES, name, StatusCode(code, expected.mesg))
    patched: Any = StatusCode
    patched.__eq__ = lambda self, other: self.code == other[0]
    patched.__ne__ = lambda self, other: self.code != other[0]


def take_the_place_of_conftest() -> None:
    """Be what their modules import; `pytest_mock` is only named in annotations of what applies."""
    sys.modules["aiosmtpd.tests.conftest"] = sys.modules[__name__]
    unused: Any = ModuleType("pytest_mock")
    unused.MockFixture = object
    sys.modules.setdefault("pytest_mock", unused)


def pytest_configure(config: pytest.Config) -> None:
    for marker in ("controller_data", "handler_data"):
        config.addinivalue_line("markers", marker)
    take_the_place_of_conftest()
    compare_by_code()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what doesn't apply; a name in the table that no test has is an error."""
    apply = list(items)
    for name in (name for names in DOES_NOT_APPLY.values() for name in names):
        named = [item for item in items if f"{item.nodeid}[".startswith((f"{name}[", f"{name}::"))]
        if not named:
            raise pytest.UsageError(f"no test is called {name}")
        apply = [item for item in apply if item not in named]
    config.hook.pytest_deselected(items=[item for item in items if item not in apply])
    items[:] = apply
