"""The test addresses of e-mail services, so that what an application sends to them in its tests
has the outcome here that it has there.
"""

from collections.abc import Mapping
from typing import NamedTuple

BOUNCE_TAG = "bounce+"  # Mailtrap: bounce+550+no+such+user@any.domain


class Service(NamedTuple):
    """The test addresses at one domain, as local parts at `sim.test`."""

    name: str
    local_parts: Mapping[str, str]


# Local parts in lower case, without `+label` and (Postmark) without underscores.
SERVICES: Mapping[str, Service] = {
    "simulator.amazonses.com": Service(
        "ses",
        {
            "success": "success",
            "bounce": "bounce",
            "ooto": "ooto",
            "complaint": "complaint",
            "suppressionlist": "suppressed",
        },
    ),
    "bounce-testing.postmarkapp.com": Service(
        "postmark",
        {
            "hardbounce": "bounce",
            "bademailaddress": "550-5.1.3",
            "addresschange": "551-5.1.6",
            "dnserror": "550-5.4.4",
            "softbounce": "softbounce",
            "transient": "transient",
            "blocked": "blocked",
            "spamnotification": "spamblock",
            "virusnotification": "gmail.bad-attachment",
            "dmarcpolicy": "dmarc",
            "manuallydeactivated": "suppressed",
            "unconfirmed": "suppressed",
            "unknown": "550-5.0.0",
            "smtpapierror": "suppressed",
            "autoresponder": "autoreply",
            "challengeverification": "autoreply",
            "spamcomplaint": "complaint",
        },
    ),
    "resend.dev": Service(
        "resend",
        {
            "delivered": "delivered",
            "bounced": "bounce",
            "complained": "complaint",
            "suppressed": "suppressed",
        },
    ),
    "bounce-test.mailersend.net": Service(
        "mailersend",
        {
            "hard-bounce": "bounce",
            "soft-bounce": "softbounce",
            "blocked": "blocked",
            "transient": "transient",
            "dns-error": "550-5.4.4",
            "dmarc": "dmarc",
        },
    ),
}

NAMES = frozenset({*(service.name for service in SERVICES.values()), "mailtrap", "sparkpost"})

# SparkPost's sink: the subdomain says it, whatever the local part.
_SINK = ".bouncy-sink.trymsys.net"
_SINKS = {"accept": "success", "oob": "oob", "fbl": "complaint"}


def compat_of(local: str, domain: str) -> tuple[str, str]:
    """Return the service and the local part at `sim.test` that an address stands for.

    Both are "" for an ordinary address. `local` and `domain` are in lower case.
    """
    service = SERVICES.get(domain)
    if service is not None:
        name = local.partition("+")[0]
        if service.name == "postmark":
            name = name.replace("_", "")
        return service.name, service.local_parts.get(name, "")
    if domain.endswith(_SINK):
        return "sparkpost", _SINKS.get(domain.removesuffix(_SINK), "")
    return "", ""
