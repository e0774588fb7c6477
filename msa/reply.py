"""What the submission agent says: `Reply`, `Refused` which carries one to the door, and
every reply we can give.

The replies stand in the order in which a session meets them. A reply whose words vary is a
function; what it quotes of the client is bounded and printable.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply (RFC 5321 section 4.2) with its enhanced status code (RFC 3463).

    A text with newlines is a multi-line reply.
    """

    code: int
    detail: str  # the enhanced code without its class digit: "1.3" of "5.1.3"; "" for none
    text: str

    @property
    def enhanced(self) -> str:
        # The class digit is kept once, in `code`, so the two can never disagree.
        return f"{self.code // 100}.{self.detail}" if self.detail else ""

    @property
    def is_transient(self) -> bool:
        return self.code // 100 == 4

    def __str__(self) -> str:
        return (
            f"{self.code} {self.enhanced} {self.text}"
            if self.detail
            else f"{self.code} {self.text}"
        )

    def wire(self) -> bytes:
        """Return the octets of the reply; each line carries both codes (RFC 2034 section 4)."""
        if "\n" not in self.text:
            return f"{self}\r\n".encode("ascii", "replace")
        enhanced = f"{self.enhanced} " if self.detail else ""
        *lines, last = self.text.split("\n")
        before = "".join(f"{self.code}-{enhanced}{line}\r\n" for line in lines)
        return f"{before}{self.code} {enhanced}{last}\r\n".encode("ascii", "replace")


class Refused(Exception):
    """The client asked for something we decline; carries the reply it will hear."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


# The connection. RFC 2034 section 4: the greeting and the answers to HELO and EHLO carry no
# enhanced code, and 3xx replies have none (RFC 3463 has no class 3).


def greeting(hostname: str) -> Reply:
    return Reply(220, "", f"{hostname} ESMTP sandbox-mta")


def hello(hostname: str, offered: Sequence[str] = ()) -> Reply:
    return Reply(250, "", "\n".join((hostname, *offered)))


TOO_MANY_CONNECTIONS = Reply(421, "7.0", "Too many connections from your address")
IDLE = Reply(421, "4.2", "No command for too long, closing the connection")
SHUTTING_DOWN = Reply(421, "3.2", "The sandbox is shutting down, try again later")
TOO_MANY_ERRORS = Reply(421, "7.0", "Too many lines that are no command, closing the connection")
NOT_TLS = Reply(421, "7.0", "This port speaks SMTP without TLS at first; connect and say STARTTLS")
NOT_PROXIED = Reply(421, "7.0", "A connection from your address begins with a PROXY header here")
NOT_HTTP = Reply(421, "7.0", "This port speaks SMTP, not HTTP")
BYE = Reply(221, "0.0", "Bye")

# Command lines.

LINE_TOO_LONG = Reply(500, "5.2", "Command line too long")
BARE_LINE_FEED = Reply(500, "5.2", "A command line ends with CR LF, not with LF alone")
BAD_COMMAND = Reply(500, "5.2", "A line must begin with a command")
EXPN_UNAVAILABLE = Reply(502, "5.1", "EXPN is not available")


def unknown_command(verb: str) -> Reply:
    return Reply(500, "5.1", f"Command {verb} not recognized")


def bad_syntax(syntax: str) -> Reply:
    return Reply(501, "5.4", f"Syntax: {syntax}")


# Sequence.

NEED_HELO = Reply(503, "5.1", "Say EHLO or HELO first")
NEED_MAIL = Reply(503, "5.1", "Need MAIL before RCPT, DATA or BDAT")
NEED_RECIPIENT = Reply(554, "5.1", "No valid recipients")
NESTED_MAIL = Reply(503, "5.1", "A transaction is open; end it with DATA, BDAT or RSET")
CONTENT_BEGUN = Reply(503, "5.1", "The content has begun; end it with BDAT LAST or RSET")
BINARY_NEEDS_BDAT = Reply(503, "5.1", "BODY=BINARYMIME needs BDAT, not DATA")
CHUNK_LOST = Reply(503, "5.1", "A chunk of this message was refused; say RSET")
LOST_IN_CHUNKS = Reply(421, "5.4", "Syntax: BDAT size [LAST]; what follows can't be read")

# Plain answers.

OK = Reply(250, "0.0", "Ok")
SENDER_OK = Reply(250, "1.0", "Sender ok")
RECIPIENT_OK = Reply(250, "1.5", "Recipient ok")
START_CONTENT = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
NOT_VERIFIED = Reply(252, "0.0", "Not verified; the sandbox accepts every address")


def chunk_taken(size: int) -> Reply:
    return Reply(250, "0.0", f"{size} octets taken")


def queued(submission_id: str) -> Reply:
    return Reply(250, "0.0", f"Ok: queued as {submission_id}")


def commands(verbs: Sequence[str]) -> Reply:
    return Reply(214, "0.0", f"Commands: {' '.join(verbs)}\nHELP COMMAND tells its syntax")


def help_with(syntax: str) -> Reply:
    return Reply(214, "0.0", f"Syntax: {syntax}")


NO_HELP = Reply(504, "5.4", "No such command")


# Paths and parameters.

NEED_SMTPUTF8 = Reply(553, "6.7", "A non-ASCII address needs the SMTPUTF8 parameter of MAIL")
NOT_UTF8 = Reply(553, "6.7", "The address is not valid UTF-8")
TOO_MANY_RECIPIENTS = Reply(452, "5.3", "Too many recipients")
TOO_BIG = Reply(552, "3.4", "Message larger than the size limit")
GLUED_PARAMETERS = Reply(501, "5.4", "A space must stand between the path and its parameters")


def malformed_reverse_path(problem: str, position: int) -> Reply:
    return Reply(501, "1.7", f"Malformed reverse-path: {problem} (character {position})")


def malformed_forward_path(problem: str, position: int) -> Reply:
    return Reply(501, "1.3", f"Malformed forward-path: {problem} (character {position})")


def malformed_parameter(number: int) -> Reply:
    return Reply(501, "5.4", f"Parameter {number} is not of the form KEYWORD=value")


def unknown_parameter(keyword: str) -> Reply:
    return Reply(555, "5.4", f"Parameter {keyword} not recognized")


def parameter_needs_ehlo(keyword: str) -> Reply:
    return Reply(555, "5.4", f"Parameter {keyword} needs a session opened with EHLO")


def repeated_parameter(keyword: str) -> Reply:
    return Reply(501, "5.4", f"Parameter {keyword} given twice")


def bad_value(keyword: str) -> Reply:
    return Reply(501, "5.4", f"Bad value for parameter {keyword}")


# STARTTLS (RFC 3207) and AUTH (RFC 4954).

START_TLS = Reply(220, "0.0", "Ready to start TLS")
TLS_ACTIVE = Reply(503, "5.1", "TLS is active already")
TLS_UNAVAILABLE = Reply(502, "5.1", "STARTTLS is not available")
AUTH_OK = Reply(235, "7.0", "Authentication succeeded")
AUTH_REQUIRED = Reply(530, "7.0", "Authentication required")
AUTH_UNAVAILABLE = Reply(502, "5.1", "AUTH is not available")
AUTH_NEEDS_EHLO = Reply(503, "5.1", "AUTH needs a session opened with EHLO")
AUTH_DONE = Reply(503, "5.1", "Already authenticated")
AUTH_IN_TRANSACTION = Reply(503, "5.1", "AUTH is not permitted during a transaction")
AUTH_MECHANISM = Reply(504, "5.4", "Mechanisms are PLAIN, LOGIN, CRAM-MD5 and XOAUTH2")
AUTH_NO_INITIAL = Reply(501, "5.4", "This mechanism takes no initial response")
AUTH_CANCELLED = Reply(501, "7.0", "Authentication cancelled")
AUTH_NOT_BASE64 = Reply(501, "5.2", "The response is not valid base64")
AUTH_MALFORMED = Reply(501, "5.2", "The response is not what the mechanism asks for")
AUTH_LINE_TOO_LONG = Reply(500, "5.6", "Authentication exchange line too long")
AUTH_FAILED = Reply(535, "7.8", "Authentication credentials invalid")


def challenge(encoded: str) -> Reply:
    return Reply(334, "", encoded)


# After the content.

STORE_FULL = Reply(452, "3.1", "The store is full for now, try again later")
LOCAL_ERROR = Reply(451, "3.0", "Local error in processing")
