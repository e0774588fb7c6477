import base64
import hashlib
import hmac
import json

import pytest

from sandbox_mta.events.sender import NotTaken, Unreachable
from sandbox_mta.events.webhook import Webhook, key, signature
from sandbox_mta.outbound.posting import Poster
from tests.unit.events.listener import listening
from tests.unit.events.sample import event


def webhook(url: str, secret: str | None = None, **options: bool) -> Webhook:
    return Webhook(
        Poster(url, **options),
        format="cloudevents",
        secret=secret,
        hostname="sandbox.test",
        now_s=lambda: 1_795_000_000.9,
    )


async def test_an_event_is_posted_and_signed() -> None:
    async with listening() as listener:
        await webhook(listener.url, "whsec_" + base64.b64encode(b"very secret").decode()).tell(
            event()
        )

    [heard] = listener.heard
    assert heard.target == "/hook"
    assert heard.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert json.loads(heard.body)["id"] == heard.headers["webhook-id"] == event().id
    assert heard.headers["webhook-timestamp"] == "1795000000"
    signed = f"{event().id}.1795000000.".encode() + heard.body
    expected = hmac.new(b"very secret", signed, hashlib.sha256).digest()
    assert heard.headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()


def test_a_signature_is_that_of_the_published_example() -> None:
    # https://docs.svix.com/receiving/verifying-payloads/how-manual
    secret = key("whsec_plJ3nmyCDGBKInavdOK15jsl")
    body = b'{"event_type":"ping","data":{"success":true}}'

    made = signature(secret, "msg_loFOjxBNrRLzqYUf", 1731705121, body)

    assert made == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


async def test_without_a_secret_nothing_is_signed() -> None:
    async with listening() as listener:
        await webhook(listener.url).tell(event())

    assert "webhook-signature" not in listener.heard[0].headers


async def test_any_answer_but_2xx_means_not_taken() -> None:
    async with listening() as listener:
        listener.answer = lambda _: b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n"
        with pytest.raises(NotTaken, match="302"):
            await webhook(listener.url).tell(event())

    assert len(listener.heard) == 1  # a redirect is not followed


async def test_a_server_that_speaks_no_http_is_no_listener() -> None:
    async with listening() as listener:
        listener.answer = lambda _: b"220 mail.example ESMTP\r\n"
        with pytest.raises(Unreachable, match="does not answer in HTTP"):
            await webhook(listener.url).tell(event())


async def test_a_closed_port_is_no_listener() -> None:
    async with listening() as listener:
        url = listener.url
    with pytest.raises(Unreachable):
        await webhook(url).tell(event())


@pytest.mark.parametrize("secret", ["whsec_?", "whsec_abc"])
def test_a_secret_that_is_no_base64_is_said_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        key(secret)
