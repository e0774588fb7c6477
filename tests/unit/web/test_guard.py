from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sandbox_mta.web.guard import MAX_BODY_OCTETS, PAGE_POLICY, Guard, is_loopback


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def client(hosts: list[str] | None) -> httpx.AsyncClient:
    app = Guard(Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])]), hosts=hosts)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8025")


@pytest.mark.parametrize("host", ["127.0.0.1:8025", "localhost", "[::1]:8025", "mail.localhost"])
async def test_loopback_names_are_always_ours(host: str) -> None:
    answer = await client([]).get("/", headers={"host": host})

    assert answer.status_code == 200


async def test_a_foreign_host_name_is_refused() -> None:
    answer = await client([]).get("/", headers={"host": "rebound.evil.example:8025"})

    assert answer.status_code == 421


async def test_a_configured_host_name_is_ours() -> None:
    answer = await client(["Mail.Corp.Example"]).get("/", headers={"host": "mail.corp.example"})

    assert answer.status_code == 200


async def test_any_host_name_will_do_where_the_listener_is_not_on_loopback() -> None:
    answer = await client(None).get("/", headers={"host": "sandbox:8025"})

    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999"])
async def test_a_request_from_another_origin_is_refused(origin: str) -> None:
    answer = await client([]).post("/", headers={"origin": origin})

    assert answer.status_code == 403


async def test_a_request_from_our_own_page_is_answered() -> None:
    answer = await client([]).post("/", headers={"origin": "http://localhost:8025"})

    assert answer.status_code == 200


async def test_a_body_that_announces_too_much_is_refused_unread() -> None:
    answer = await client([]).post("/", headers={"content-length": str(MAX_BODY_OCTETS + 1)})

    assert answer.status_code == 413


async def test_a_body_that_grows_too_long_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_OCTETS // 500_000 + 1):
            yield b"x" * 500_000

    answer = await client([]).post("/", content=endless())

    assert answer.status_code == 413


async def test_every_answer_carries_the_policy() -> None:
    answer = await client([]).get("/")

    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("127.8.9.1", True), ("::1", True), ("10.0.0.1", False), ("localhost.evil.example", False)],
)
def test_loopback_is_told_from_the_rest(host: str, verdict: bool) -> None:
    assert is_loopback(host) is verdict
