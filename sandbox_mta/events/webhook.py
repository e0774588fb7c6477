"""Posts events to a webhook, signed as https://www.standardwebhooks.com says.

With a secret every request carries `webhook-id`, `webhook-timestamp` (seconds since 1970, real
time) and `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over
`id.timestamp.body`. A secret that begins with `whsec_` is base64, any other is taken as it is.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable

from sandbox_mta.events.event import StatusEvent
from sandbox_mta.events.formats import FORMATS
from sandbox_mta.events.formats.shape import Body, House
from sandbox_mta.events.sender import NotTaken, Unreachable
from sandbox_mta.outbound.posting import NotPosted, Poster

PREFIXES = {"resend": "svix"}  # it signs the same way under another name


class Webhook:
    """One webhook in one format."""

    def __init__(
        self,
        poster: Poster,
        *,
        format: str,
        secret: str | None,
        hostname: str,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError for a secret that is no base64 though it begins with `whsec_`."""
        self._poster = poster
        self._format = FORMATS[format]
        self._prefix = PREFIXES.get(format, "webhook")
        self._secret = key(secret or "")
        self._hostname = hostname
        self._now_s = now_s

    async def tell(self, event: StatusEvent) -> None:
        """Post an event; raises `NotTaken` and `Unreachable`."""
        at = int(self._now_s())
        house = House(hostname=self._hostname, secret=self._secret, signed_at=at)
        for n, body in enumerate(self._format(event, house)):
            await self._post(body, f"{event.id}.{n}" if n else event.id, at)

    async def _post(self, body: Body, id: str, at: int) -> None:
        headers = {"Content-Type": body.content_type, **body.headers}
        headers |= {f"{self._prefix}-id": id, f"{self._prefix}-timestamp": str(at)}
        if self._secret:
            headers[f"{self._prefix}-signature"] = signature(self._secret, id, at, body.octets)
        try:
            status = await self._poster.post(body.octets, headers)
        except NotPosted as error:
            raise Unreachable(str(error)) from None
        if status // 100 != 2:
            raise NotTaken(f"it answered {status}")


def key(secret: str) -> bytes:
    """Return the octets of a secret; raises ValueError."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("a secret that begins with whsec_ goes on in base64") from None


def signature(secret: bytes, id: str, at: int, body: bytes) -> str:
    """Return the value of the signature's header."""
    signed = hmac.digest(secret, f"{id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"
