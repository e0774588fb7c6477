"""Asking a running sandbox over HTTP, for the commands that move it."""

import http.client
import json
from typing import Any

from sandbox_mta.app.trouble import Trouble
from sandbox_mta.listeners import reachable, split

TIMEOUT_S = 600.0  # an advance may make thousands of attempts
MAX_ANSWER_OCTETS = 10_000_000


def call(address: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Return the JSON object that the sandbox at HOST:PORT answers; raises `Trouble`."""
    host, port = split(address)
    target = reachable(host)
    connection = http.client.HTTPConnection(target, port, timeout=TIMEOUT_S)
    try:
        connection.request(
            method,
            path,
            None if body is None else json.dumps(body),
            {"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        octets = answer.read(MAX_ANSWER_OCTETS)
    except (OSError, http.client.HTTPException):
        raise Trouble(
            f"no sandbox answers at http://{target}:{port}; start one with `sandbox-mta serve`, or "
            "name another with --http"
        ) from None
    finally:
        connection.close()
    return _read(octets, answer.status)


def _read(octets: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(octets)
    except ValueError:
        found = None
    if status == http.client.OK and isinstance(found, dict):
        return found
    raise Trouble(_reason(found) or f"the sandbox answered {status}")


def _reason(found: object) -> str:
    """Return what FastAPI gives as the reason of a refusal."""
    detail = found.get("detail") if isinstance(found, dict) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return str(detail[0].get("msg", "")).removeprefix("Value error, ")
    return detail if isinstance(detail, str) else ""
