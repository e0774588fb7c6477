"""Whether mail may be sent to a host over the TLS it offers: MTA-STS (RFC 8461), DANE (RFC 7672).

Everything comes from zones: the policy as text in a record of ours, TLSA records, which count as
validated, and what a host's TLS is like. A failure is temporary, and has the name that TLS reports
give it (RFC 8460 section 4.3, and IANA's registry).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msa.reply import Reply

MAX_MX = 100  # patterns of one policy
POLICY_LABEL = "_mta-sts-policy"  # the policy's lines, as the strings of a TXT record


class TlsNames(Protocol):
    """Answers what decides about TLS; no answer is none."""

    def texts(self, name: str) -> Sequence[Sequence[str]]:
        """Return the TXT records of a name, each as its strings."""

    def tlsa_usages(self, name: str) -> Sequence[int]:
        """Return the certificate usages of the TLSA records of a name (RFC 6698)."""


@dataclass(frozen=True, slots=True)
class Insecure:
    """Why mail is not sent to a host that is there."""

    reply: Reply
    stage: str  # "routing": the host is not even asked
    reason: str  # "starttls-not-supported"

    @property
    def rule(self) -> str:
        return f"tls:{self.reason}"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy in force for a domain, in mode `enforce`."""

    domain: str
    mx: tuple[str, ...]  # lower case; "*.example.org" is any one label before the rest

    def allows(self, host: str) -> bool:
        """Say whether a host (lower case) is one that the policy lists."""
        return any(
            host == pattern or (pattern[:2] == "*." and host.partition(".")[2] == pattern[2:])
            for pattern in self.mx
        )


def policy_of(names: TlsNames, domain: str) -> StsPolicy | None:
    """Return the policy of a domain; None without one that is whole and enforced.

    As RFC 8461 section 5 says, mail to a domain whose policy is broken goes as if there were none.
    """
    announced = ["".join(strings) for strings in names.texts(f"_mta-sts.{domain}")]
    if len([each for each in announced if each.replace(" ", "").startswith("v=STSv1;")]) != 1:
        return None
    lines = [line for strings in names.texts(f"{POLICY_LABEL}.{domain}") for line in strings]
    fields = [(key.strip(), value.strip()) for key, _, value in _parted(lines)]
    mx = tuple(value.lower() for key, value in fields if key == "mx")[:MAX_MX]
    said = dict(reversed(fields))  # the first of a repeated one holds
    if said.get("version") != "STSv1" or said.get("mode") != "enforce" or not mx:
        return None
    return StsPolicy(domain, mx) if said.get("max_age", "").isdecimal() else None


def _parted(lines: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    return (line.partition(":") for line in lines)


_CERTIFICATES = {
    "expired": ("certificate-expired", "certificate has expired"),
    "mismatch": ("certificate-host-mismatch", "certificate does not name the host"),
    "untrusted": ("certificate-not-trusted", "certificate is signed by nobody we trust"),
    "tlsa": ("validation-failure", "certificate does not match the TLSA record"),
}
TLS = ("none", *_CERTIFICATES)  # what a zone can say of a host's TLS
# Of DANE-EE (3) only the key counts (RFC 7672 section 3.1.1), of DANE-TA (2) also the rest.
_DANE = {3: ("tlsa",), 2: ("tlsa", "expired", "mismatch")}
_STS = ("expired", "mismatch", "untrusted")


def judge(
    at: tuple[str, str], tls: str, usages: Sequence[int], policy: StsPolicy | None
) -> Insecure | None:
    """Return why mail may not be sent to a host; None when it may.

    `at` is its name and address, `tls` what its TLS is like, one of `TLS` or "" for good. DANE goes
    before MTA-STS (RFC 8461 section 2).
    """
    where = f"{at[0]}[{at[1]}]"
    if not usages and policy is None:
        return None
    if not usages and policy is not None and not policy.allows(at[0]):
        text = f"{where} is not listed in the MTA-STS policy of {policy.domain}"
        return Insecure(Reply(451, "7.5", text), "routing", "validation-failure")
    if tls == "none":
        text = f"TLS is required, but was not offered by host {where}"
        return Insecure(Reply(451, "7.4", text), "starttls", "starttls-not-supported")
    if tls in _fatal(usages):
        reason, problem = _CERTIFICATES[tls]
        text = f"Server certificate not trusted: {where}: {problem}"
        return Insecure(Reply(451, "7.5", text), "tls", reason)
    return None


def _fatal(usages: Sequence[int]) -> Sequence[str]:
    """Name what can be wrong with a certificate so that it counts."""
    if not usages:
        return _STS
    # RFC 7672 section 2.1: other usages can't be used, and TLS without a check is enough then.
    usable = [usage for usage in usages if usage in _DANE]
    return _DANE[max(usable)] if usable else ()
