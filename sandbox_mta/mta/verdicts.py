"""What mail servers make of DNS that gives no route: one row for each way and server.

Servers disagree here (some retry a domain without addresses, some bounce it), hence tables and not
code. `DNS_POLICIES` is all of them by the name of the setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msa.reply import Reply


@dataclass(frozen=True, slots=True)
class Unroutable:
    """Why a domain has no exchangers, in the words of the reply that people see."""

    reply: Reply  # 4xx: worth another try
    rule: str  # "dns:null-mx"
    reason: str


class Case(StrEnum):
    """The ways in which routing fails."""

    BAD_NAME = "bad-name"
    BAD_LITERAL = "bad-literal"
    NXDOMAIN = "nxdomain"
    NO_ADDRESS = "no-address"  # neither MX nor A nor AAAA
    NULL_MX = "null-mx"  # RFC 7505
    SERVFAIL = "servfail"
    REFUSED = "refused"
    LAME = "lame"  # a delegation to a server that knows nothing of the zone
    TIMEOUT = "timeout"
    CNAME_LOOP = "cname-loop"
    DEAD_MX = "dead-mx"  # MX records, and none of their hosts has an address
    LOST_MX = "lost-mx"  # the same, but an address may be there: a soft error dominates
    LOST_PRIMARY = "lost-primary"  # the same, and the best one that has an address is us
    OURSELVES = "loop"


MEANINGS: Mapping[Case, str] = {
    Case.BAD_NAME: "the domain can't be a name in DNS",
    Case.BAD_LITERAL: "the address literal is broken",
    Case.NXDOMAIN: "there is no such domain",
    Case.NO_ADDRESS: "the domain has neither an MX record nor an address",
    Case.NULL_MX: "the domain says that it takes no mail (RFC 7505)",
    Case.SERVFAIL: "the domain's name server fails",
    Case.REFUSED: "the domain's name server refuses to answer",
    Case.LAME: "the name servers named for the domain know nothing of it",
    Case.TIMEOUT: "the domain's name server keeps silent",
    Case.CNAME_LOOP: "the domain's aliases never end",
    Case.DEAD_MX: "no host of the MX records has an address",
    Case.LOST_MX: "no host of the MX records could be looked up",
    Case.LOST_PRIMARY: "no host of the better MX records has an address, and the next one is us",
    Case.OURSELVES: "the best MX record names ourselves",
}


def meaning_of(rule: str) -> str:
    """Say in words what a rule found out, "dns:null-mx"; "" for the rules of others."""
    kind, _, case = rule.partition(":")
    return MEANINGS[Case(case)] if kind == "dns" and case in {*Case} else ""


REASONS: Mapping[Case, str] = {
    Case.BAD_NAME: "domain-unknown",
    Case.BAD_LITERAL: "domain-unknown",
    Case.NXDOMAIN: "domain-unknown",
    Case.NO_ADDRESS: "domain-unknown",
    Case.NULL_MX: "null-mx",
    Case.DEAD_MX: "domain-unknown",
}
_OTHER_REASON = "dns"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a mail server makes of one case: the reply, with `{domain}` and `{host}` to fill in.

    `host` is the last exchanger that was looked up. A code stands for servers that have none of
    their own: 550 or 451 by whether they try again.
    """

    code: int
    detail: str
    text: str
    source: str  # where that is written

    def unroutable(self, case: Case, domain: str, host: str = "") -> Unroutable:
        reply = Reply(self.code, self.detail, self.text.format(domain=domain, host=host or domain))
        return Unroutable(reply, f"dns:{case}", REASONS.get(case, _OTHER_REASON))


Verdicts = Mapping[Case, Verdict]

_ADDR, _LOOKUP = "Postfix smtp_addr.c", "Postfix dns_lookup.c"
_NAME = "Host or domain name not found. Name service error for name={domain} "
_AGAIN = Verdict(451, "4.3", f"{_NAME}type=MX: Host not found, try again", _ADDR)

POSTFIX: Verdicts = {
    Case.BAD_NAME: Verdict(550, "4.4", _NAME + "type=MX: Host not found", _ADDR),
    Case.BAD_LITERAL: Verdict(
        550, "1.3", "Bad address literal in the recipient's address: {domain}", "RFC 3463"
    ),
    Case.NXDOMAIN: Verdict(550, "4.4", _NAME + "type=A: Host not found", _ADDR),
    Case.NO_ADDRESS: Verdict(
        550, "4.4", _NAME + "type=AAAA: Host found but no data record of requested type", _ADDR
    ),
    Case.NULL_MX: Verdict(550, "1.0", "Domain {domain} does not accept mail (nullMX)", _LOOKUP),
    Case.SERVFAIL: _AGAIN,
    Case.REFUSED: _AGAIN,
    Case.LAME: _AGAIN,
    Case.TIMEOUT: _AGAIN,
    Case.CNAME_LOOP: Verdict(550, "4.4", "Name server loop for {domain}", _LOOKUP),
    Case.DEAD_MX: Verdict(
        550,
        "4.4",
        "Host or domain name not found. Name service error for name={host} type=A: Host not found",
        _ADDR,
    ),
    Case.LOST_MX: Verdict(
        451,
        "4.3",
        "Host or domain name not found. Name service error for name={host} type=A: "
        "Host not found, try again",
        _ADDR,
    ),
    Case.LOST_PRIMARY: Verdict(451, "4.4", "unable to find primary relay for {domain}", _ADDR),
    Case.OURSELVES: Verdict(550, "4.6", "mail for {domain} loops back to myself", _ADDR),
}

_HMAIL = "Haraka outbound/hmail.js"
_FAILURE = Verdict(450, "1.0", "DNS lookup failure: {domain}", _HMAIL)
_TRIED = Verdict(450, "1.2", "Tried all MXs {domain}", _HMAIL)

HARAKA: Verdicts = {
    **POSTFIX,  # for what Haraka has no rule: literals, and loops
    Case.BAD_NAME: _FAILURE,
    Case.NXDOMAIN: Verdict(550, "1.2", "No Such Domain: {domain}", _HMAIL),
    Case.NO_ADDRESS: Verdict(550, "1.2", "Nowhere to deliver mail to for domain: {domain}", _HMAIL),
    Case.NULL_MX: Verdict(
        550, "1.2", "Domain {domain} sends and receives no email (NULL MX)", _HMAIL
    ),
    Case.SERVFAIL: _FAILURE,
    Case.REFUSED: _FAILURE,
    Case.LAME: _FAILURE,
    Case.TIMEOUT: _FAILURE,
    Case.CNAME_LOOP: _FAILURE,
    Case.DEAD_MX: _TRIED,
    Case.LOST_MX: _TRIED,
}

_MTA = "OpenSMTPD mta.c"
_TEMPORARY = Verdict(451, "0.0", "Temporary failure in MX lookup", _MTA)
_NO_MX = Verdict(451, "0.0", "No MX found for domain", _MTA)

OPENSMTPD: Verdicts = {
    **POSTFIX,  # for what OpenSMTPD has no rule: literals, and loops
    Case.BAD_NAME: Verdict(550, "0.0", "Invalid domain name", _MTA),
    Case.NXDOMAIN: Verdict(550, "0.0", "Domain does not exist", _MTA),
    Case.NO_ADDRESS: _NO_MX,
    Case.NULL_MX: Verdict(550, "0.0", "Domain does not accept mail", _MTA),
    Case.SERVFAIL: _TEMPORARY,
    Case.REFUSED: _TEMPORARY,
    Case.LAME: _TEMPORARY,
    Case.TIMEOUT: _TEMPORARY,
    Case.CNAME_LOOP: _TEMPORARY,
    Case.DEAD_MX: _NO_MX,
    Case.LOST_MX: _NO_MX,
}

_QUEUE, _READY = "KumoMTA kumod/src/queue.rs", "KumoMTA kumod/src/smtp_dispatcher.rs"
_UNRESOLVED = Verdict(451, "4.4", "failed to resolve {domain}", _QUEUE)
_NO_HOSTS = Verdict(451, "4.4", "MX didn't resolve to any hosts", _READY)

KUMOMTA: Verdicts = {
    **POSTFIX,  # for what KumoMTA has no rule: literals, and loops
    Case.BAD_NAME: _UNRESOLVED,
    Case.NXDOMAIN: _UNRESOLVED,
    Case.NO_ADDRESS: _NO_HOSTS,
    Case.NULL_MX: Verdict(556, "1.10", "Recipient address has a null MX", _READY),
    Case.SERVFAIL: _UNRESOLVED,
    Case.REFUSED: _UNRESOLVED,
    Case.LAME: _UNRESOLVED,
    Case.TIMEOUT: _UNRESOLVED,
    Case.CNAME_LOOP: _UNRESOLVED,
    Case.DEAD_MX: _NO_HOSTS,
    Case.LOST_MX: _NO_HOSTS,
}

DNS_POLICIES: Mapping[str, Verdicts] = {
    "postfix": POSTFIX,
    "haraka": HARAKA,
    "opensmtpd": OPENSMTPD,
    "kumomta": KUMOMTA,
}
# Postfix takes any "." for one that stands alone, the others as RFC 7505 section 3 says.
ANY_NULL_MX = frozenset({"postfix"})
