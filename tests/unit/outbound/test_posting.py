import asyncio
import socket
from typing import Any

import pytest

from sandbox_mta.outbound.posting import NotPosted, Poster
from tests.unit.events.listener import listening


async def test_user_and_password_of_the_url_are_sent_as_basic_authentication() -> None:
    async with listening() as listener:
        url = f"http://us%40er:pass@127.0.0.1:{listener.port}/a/b?c=d#e"
        assert await Poster(url).post(b"{}", {"Content-Type": "application/json"}) == 200

    [heard] = listener.heard
    assert heard.target == "/a/b?c=d"
    assert heard.headers["host"] == f"127.0.0.1:{listener.port}"
    assert heard.headers["authorization"] == "Basic dXNAZXI6cGFzcw=="
    assert heard.headers["content-length"] == "2"


def lead_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]

    async def getaddrinfo(*_: Any, **__: Any) -> Any:
        return found

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_a_name_that_leads_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lead_to(monkeypatch, "127.0.0.1")
    async with listening() as listener:
        url = f"http://app.example:{listener.port}/"
        with pytest.raises(NotPosted, match="SANDBOX_MTA_WEBHOOK_PRIVATE=on"):
            await Poster(url).post(b"", {})
        assert not listener.heard

        assert await Poster(url, private=True).post(b"", {}) == 200


async def test_a_silent_server_is_left_after_a_while() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotPosted, match=r"no answer within 0\.05 s"):
            await Poster(f"http://localhost:{port}/", timeout_s=0.05).post(b"", {})


async def test_a_status_line_without_end_is_no_answer() -> None:
    async with listening() as listener:
        listener.answer = lambda _: b"HTTP/1.1 " + b"2" * 100_000
        with pytest.raises(NotPosted):
            await Poster(listener.url).post(b"", {})


@pytest.mark.parametrize("url", ["ftp://host/", "http:///path", "host:80", "http://h/a\r\nb: c"])
def test_what_is_no_url_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"http://HOST|no spaces"):
        Poster(url)
