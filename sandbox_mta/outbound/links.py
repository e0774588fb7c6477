"""Asks web servers whether links lead somewhere: HEAD, then GET, and no more than the head of it.

Every connection, also after a redirect, goes to an address that was looked at first. No cookie,
no credential and no body is sent; certificates are checked.
"""

import http.client
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, cached_property
from ipaddress import ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from msa.lint.facts import LinkAnswer
from sandbox_mta.outbound.address import Network, is_allowed

MAX_REDIRECTS = 5
MAX_AT_ONCE = 16
TIMEOUT_S = 5.0  # for one link, redirects and all
POLL_S = 0.02  # between two looks at what else there is to do
REMEMBER_S = 600.0  # an application sends the same links in all its mails
MAX_REMEMBERED = 1_000
USER_AGENT = "sandbox-mta (link check)"
# A server that knows no HEAD says so with one of these, or with others; then GET is asked.
_NO_HEAD = frozenset((400, 403, 404, 405, 406, 500, 501, 503))

LATE = LinkAnswer(None, "there was no time left", asked=False)


class NotAsked(Exception):
    """The link leads where we don't go; the text says why."""


def links_for(networks: Sequence[str]) -> "Links":
    """Return what asks links, also in some networks that are private ("10.0.0.0/8")."""
    return Links([ip_network(network) for network in networks])


class Links:
    """Asks, remembers for a while, and never raises for any address."""

    def __init__(self, allowed: Sequence[Network] = (), *, timeout_s: float = TIMEOUT_S) -> None:
        self._allowed = tuple(allowed)
        self._timeout_s = timeout_s
        self._known: OrderedDict[str, tuple[float, LinkAnswer]] = OrderedDict()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="links")

    def probe(
        self, urls: Sequence[str], budget_s: float, meanwhile: Callable[[], None] = lambda: None
    ) -> Mapping[str, LinkAnswer]:
        """Return the answers; what takes longer than `budget_s` in all is `LATE`.

        `meanwhile` is called every now and then.
        """
        until = time.monotonic() + budget_s
        asked: dict[str, Future[LinkAnswer]] = {}
        answers: dict[str, LinkAnswer] = {}
        for url in urls:
            known = self._remembered(url)
            if known is not None:
                answers[url] = known
            elif budget_s > 0:
                asked[url] = self._pool.submit(self._ask, url)
        open_ones = set(asked.values())
        while open_ones and time.monotonic() < until:
            _, open_ones = wait(open_ones, POLL_S)
            meanwhile()
        for url, future in asked.items():
            if future.done():
                answers[url] = self._remember(url, future.result())
            else:
                future.cancel()
        return {url: answers.get(url, LATE) for url in urls}

    def _remembered(self, url: str) -> LinkAnswer | None:
        until, answer = self._known.get(url, (0.0, LATE))
        return answer if time.monotonic() < until else None

    def _remember(self, url: str, answer: LinkAnswer) -> LinkAnswer:
        self._known[url] = time.monotonic() + REMEMBER_S, answer
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return answer

    def _ask(self, url: str) -> LinkAnswer:
        try:
            return self._follow(url, time.monotonic() + self._timeout_s)
        except NotAsked as why:
            return LinkAnswer(None, str(why), asked=False)
        except ssl.SSLCertVerificationError as error:
            return LinkAnswer(None, f"its certificate is wrong: {error.verify_message}")
        except TimeoutError:
            return LinkAnswer(None, "it does not answer in time")
        except (OSError, http.client.HTTPException, ValueError) as error:
            return LinkAnswer(None, _reason(error))

    def _follow(self, url: str, until: float) -> LinkAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            step = self._step("HEAD", url, until)
            if step.status in _NO_HEAD:
                step = self._step("GET", url, until)
            if step.location is None:
                return LinkAnswer(step.status, "")
            url = urljoin(url, step.location)
        return LinkAnswer(None, f"it redirects more than {MAX_REDIRECTS} times")

    def _step(self, method: str, url: str, until: float) -> "_Step":
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotAsked(f"it redirects to {parts.scheme or 'nowhere'}:")
        connection = self._connect(parts, until)
        # A server that sends an octet now and then would hold us for hours.
        watch = threading.Timer(max(until - time.monotonic(), 0), _cut, (connection.sock,))
        watch.daemon = True
        watch.start()
        try:
            target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
            connection.request(method, _ascii(target), headers=_HEADERS)
            answer = connection.getresponse()
            if time.monotonic() >= until:
                raise TimeoutError  # it was cut, which looks like the end of the head
            redirects = 300 <= answer.status < 400 and answer.status != 304
            return _Step(answer.status, answer.getheader("Location") if redirects else None)
        finally:
            watch.cancel()
            connection.close()

    def _connect(self, parts: SplitResult, until: float) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        sock = self._socket(_idna(host), port, until)
        try:
            if parts.scheme == "https":
                sock = _tls().wrap_socket(sock, server_hostname=_idna(host))
        except BaseException:
            sock.close()
            raise
        connection = http.client.HTTPConnection(_idna(host), port)
        connection.sock = sock
        return connection

    def _socket(self, host: str, port: int, until: float) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(sockaddr[0]) for *_, sockaddr in found]
        for address in addresses:
            # One address that is not allowed among others is an attempt to get there.
            if not is_allowed(address, self._allowed):
                raise NotAsked(f"{address} is no address of the public internet")
            if port < 1024 and port not in (80, 443) and not self._is_named(address):
                raise NotAsked(f"port {port} is not one of the web")
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        # The address that was looked at, not the name: a second look-up may say another.
        return socket.create_connection((addresses[0], port), timeout=left_s)

    def _is_named(self, address: str) -> bool:
        """Say whether an address is allowed by a setting, with all its ports."""
        return not is_allowed(address) and is_allowed(address, self._allowed)


class _Step(NamedTuple):
    status: int
    location: str | None


_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}


@cache
def _tls() -> ssl.SSLContext:
    # Loading the certificates of the system takes 20 ms.
    return ssl.create_default_context()


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _idna(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _ascii(target: str) -> str:
    return quote(target, safe="!#$%&'()*+,/:;=?@[]~-._")


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its host has no address"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"it answers no HTTP ({type(error).__name__})"
