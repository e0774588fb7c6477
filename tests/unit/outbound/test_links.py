"""Links are asked on real servers of this machine, behind an allow-list of one address."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import pytest

from msa.lint.facts import LinkAnswer
from sandbox_mta.certificate import self_signed
from sandbox_mta.outbound.links import LATE, Links

ALLOWED = [ip_network("127.0.0.2/32")]  # where our servers are; 127.0.0.1 is out of bounds
OTHER_S = 20.0


class Site(ThreadingHTTPServer):
    """A web server that answers by path and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.2") -> None:
        super().__init__((host, 0), Answering)
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        self.connections += 1
        return super().get_request()


class Answering(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        self.server.asked.append((self.command, self.path))
        self.server.headers.append(dict(self.headers))
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_response(200)
            self.end_headers()
        else:
            page(self)

    do_GET = do_HEAD

    def log_message(self, format: str, *args: object) -> None:
        pass


def status(code: int, **fields: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def running(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.shutdown()
    thread.join()
    site.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    yield from running(Site())


@pytest.fixture
def secret() -> Iterator[Site]:
    """A service of this machine that mail must not reach."""
    yield from running(Site("127.0.0.1"))


def ask(url: str, timeout_s: float = 5.0) -> LinkAnswer:
    return Links(ALLOWED, timeout_s=timeout_s).probe([url], OTHER_S)[url]


def test_a_page_that_is_there_is_asked_once_for_its_head(site: Site) -> None:
    assert ask(f"{site.url}/a%20b?c=d#e") == LinkAnswer(200, "")
    assert site.asked == [("HEAD", "/a%20b?c=d")]


def test_a_page_that_is_missing_is_asked_twice(site: Site) -> None:
    site.pages["/gone"] = status(404)

    assert ask(f"{site.url}/gone") == LinkAnswer(404, "")
    assert [method for method, _ in site.asked] == ["HEAD", "GET"]


def test_a_server_that_knows_no_head_is_asked_with_get(site: Site) -> None:
    def page(handler: BaseHTTPRequestHandler) -> None:
        status(405 if handler.command == "HEAD" else 200)(handler)

    site.pages["/"] = page

    assert ask(f"{site.url}/") == LinkAnswer(200, "")


def test_a_redirect_is_followed(site: Site) -> None:
    site.pages["/a"] = status(302, Location="b")

    assert ask(f"{site.url}/a") == LinkAnswer(200, "")
    assert site.asked == [("HEAD", "/a"), ("HEAD", "/b")]


def test_redirects_without_end_are_left(site: Site) -> None:
    site.pages["/a"] = status(301, Location="/a")

    assert ask(f"{site.url}/a") == LinkAnswer(None, "it redirects more than 5 times")
    assert len(site.asked) == 6


def test_a_login_in_the_address_is_not_sent(site: Site) -> None:
    host, port = site.server_address[:2]
    site.pages["/"] = status(200, **{"Set-Cookie": "a=b"})

    ask(f"http://user:word@{host!s}:{port}/")

    assert not {"Authorization", "Cookie"} & set(site.headers[0])


@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/", "http://localhost:{port}/"])
def test_a_service_of_this_machine_is_not_reached(secret: Site, where: str) -> None:
    answer = ask(where.format(port=secret.server_address[1]))

    assert not answer.asked
    assert "no address of the public internet" in answer.reason
    assert secret.connections == 0


@pytest.mark.parametrize(
    "where",
    [
        *("http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"),
        *("http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/"),
        *("http://0x7f.1:{port}/", "http://0:{port}/", "//127.0.0.1:{port}/"),
    ],
)
def test_a_redirect_to_this_machine_is_not_followed(site: Site, secret: Site, where: str) -> None:
    site.pages["/"] = status(302, Location=where.format(port=secret.server_address[1]))

    answer = ask(f"{site.url}/")

    assert answer.status is None
    assert secret.connections == 0


@pytest.mark.parametrize(
    "where",
    [
        *("http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://192.168.0.1/"),
        *("http://[fd00:ec2::254]/", "http://[::ffff:169.254.169.254]/", "http://100.64.0.1/"),
    ],
)
def test_a_redirect_into_a_private_network_is_not_followed(site: Site, where: str) -> None:
    site.pages["/"] = status(302, Location=where)

    answer = ask(f"{site.url}/")

    assert not answer.asked
    assert "no address of the public internet" in answer.reason


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.2/", "javascript:1"])
def test_a_redirect_to_another_scheme_is_not_followed(site: Site, where: str) -> None:
    site.pages["/"] = status(302, Location=where)

    assert not ask(f"{site.url}/").asked


def test_one_private_address_among_others_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name with two addresses: no zone of this machine has one, so the resolver is stood in for.
    found = [(2, 1, 6, "", (host, site.server_address[1])) for host in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    assert not ask("http://rebound.example/").asked
    assert site.connections == 0


def test_a_name_that_changes_its_address_is_connected_where_it_was_checked(
    site: Site, secret: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.2", "127.0.0.1"])
    real = socket.getaddrinfo

    def rebinding(host: str, port: int, *args: object, **options: object) -> object:
        if host == "rebound.example":
            return [(2, 1, 6, "", (next(answers), port))]
        return real(host, port, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)

    answer = ask(f"http://rebound.example:{site.server_address[1]}/")

    assert answer == LinkAnswer(200, "")
    assert (site.connections, secret.connections) == (1, 0)


def test_other_ports_than_those_of_the_web_are_not_asked() -> None:
    assert ask("http://8.8.8.8:25/") == LinkAnswer(
        None, "port 25 is not one of the web", asked=False
    )


def serve_once(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server below HTTP, for one connection."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.settimeout(OTHER_S)

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return  # the client is gone

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.2:{listener.getsockname()[1]}/"
        thread.join(OTHER_S)


@pytest.mark.parametrize("octets", [b"HTTP/1.1 200 OK\r\n", b""])
def test_a_server_that_drips_is_left_in_time(octets: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(octets)
        for _ in range(100):
            connection.sendall(b"X")
            time.sleep(0.05)

    begun = time.monotonic()
    for url in serve_once(drip):
        answer = ask(url, timeout_s=0.3)

    assert answer.status is None
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "octets", [b"220 smtp.example ESMTP\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000]
)
def test_what_is_no_answer_of_http_is_none(octets: bytes) -> None:
    for url in serve_once(lambda connection: connection.sendall(octets)):
        answer = ask(url)

    assert answer.status is None
    assert answer.asked


def test_a_port_where_nobody_listens_is_no_answer() -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]

    assert ask(f"http://127.0.0.2:{port}/") == LinkAnswer(None, "Connection refused")


def test_a_certificate_nobody_knows_is_no_answer(site: Site, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path, "mail.example"))
    site.socket = context.wrap_socket(site.socket, server_side=True)

    answer = ask(site.url.replace("http:", "https:") + "/")

    assert answer.reason.startswith("its certificate is wrong")


def test_an_answer_is_remembered(site: Site) -> None:
    links = Links(ALLOWED)
    first = links.probe([f"{site.url}/"], OTHER_S)

    assert links.probe([f"{site.url}/"], 0) == first
    assert len(site.asked) == 1


def test_what_takes_longer_than_the_budget_is_late_and_others_need_not_wait(site: Site) -> None:
    ticks: list[float] = []
    site.pages["/slow"] = lambda handler: time.sleep(1)
    urls = [f"{site.url}/", f"{site.url}/slow"]

    answers = Links(ALLOWED).probe(urls, 0.4, lambda: ticks.append(time.monotonic()))

    assert answers == {urls[0]: LinkAnswer(200, ""), urls[1]: LATE}
    assert len(ticks) > 3


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "http://[", "http://a:b/", "http://a:99999/", "http://\udce9/", "x", ""),
        *("http://" + "a" * 300 + "/", "http://a..b/", "http://127.0.0.2/\udce9", "http://é..é/"),
        *("http://127.0.0.2/a b\r\nX: y", "http://*/", "http://xn--/", "http://%00/"),
    ],
)
def test_no_address_makes_it_raise(url: str) -> None:
    assert ask(url, timeout_s=1).status in (None, 200, 400, 404)
