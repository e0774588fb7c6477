"""One SMTP session (RFC 5321 section 4.1.4): which command may come when, with no socket.

A reply's code tells the shell what comes next, as it tells the client: 354 the content, 220 (to
STARTTLS) a TLS handshake, 221 and 421 the end of the connection; else the next line. Only after
BDAT something comes before the reply: `chunk` says how many octets.
"""

from collections.abc import Callable
from datetime import datetime

from msa import authentication, extensions, reply
from msa.authentication import Credentials, Exchange
from msa.command import MAX_AUTH_LINE, SYNTAX, Chunk, is_handshake, read_chunk, read_verb
from msa.envelope import Client, Submission
from msa.options import ServerOptions
from msa.reply import Refused, Reply
from msa.transaction import Transaction

MAX_NONSENSE = 20  # lines in a row that are no command, before we hang up
MAX_HELO = 255  # octets: a domain, RFC 5321 section 4.5.3.1.2
MAX_QUOTED_VERB = 32  # characters of an unknown command that are quoted back


class Session:
    """Answers one client's lines, one reply each, and keeps what they add up to."""

    def __init__(self, options: ServerOptions, client_address: str, *, tls: bool = False) -> None:
        self._options = options
        self._address = client_address
        self._nonsense = 0
        self._tls = tls
        self.chunk: Chunk | None = None  # whose octets come next, before the reply goes out
        self._start_over()

    def _start_over(self) -> None:
        self._helo = ""
        self._user: str | None = None
        self._trusted = _is_loopback(self._address)
        self._exchange: Exchange | None = None
        self._offer = extensions.Offer()
        self.reset()

    def reset(self) -> None:
        """Forget the transaction (RSET, and after every message)."""
        self._transaction = Transaction(
            self._offer,
            max_size=self._options.max_size,
            max_recipients=self._options.max_recipients,
        )

    @property
    def in_transaction(self) -> bool:
        return self._transaction.is_open

    @property
    def in_auth(self) -> bool:
        """Whether the next line answers a challenge of AUTH."""
        return self._exchange is not None

    @property
    def reverse_path(self) -> str | None:
        """That of the open transaction, if one is."""
        return self._transaction.reverse_path

    @property
    def client(self) -> Client:
        return Client(address=self._address, helo=self._helo, user=self._user, tls=self._tls)

    @property
    def greeting(self) -> Reply:
        return reply.greeting(self._options.hostname)

    def hear(self, line: bytes) -> Reply:
        """Answer one line, given with its CR LF; a refused line changes nothing."""
        self.chunk = None
        try:
            answer = self._continue_auth(line) if self._exchange else self._obey(line)
        except Refused as refusal:
            answer = refusal.reply
        if answer.code != 500:
            self._nonsense = 0
            return answer
        self._nonsense += 1
        return reply.TOO_MANY_ERRORS if self._nonsense >= MAX_NONSENSE else answer

    def tls_started(self) -> None:
        """Forget what was said in the clear (RFC 3207 section 4.2)."""
        self._tls = True
        self._start_over()

    def take_chunk(self, octets: bytes) -> bytes | None:
        """Keep the octets of the chunk; return the content with the last one, else None."""
        assert self.chunk is not None
        self._transaction.add(octets)
        return self._transaction.chunked_content() if self.chunk.is_last else None

    def submission(
        self, content: bytes, *, id: str, accepted_at: datetime, transcript: str = ""
    ) -> Submission:
        """Make the submission that the transaction and its content add up to."""
        return Submission(
            id=id,
            envelope=self._transaction.envelope(),
            content=content,
            accepted_at=accepted_at,
            client=self.client,
            submission_key=self._transaction.submission_key,
            transcript=transcript,
        )

    def _obey(self, line: bytes) -> Reply:
        verb, argument = read_verb(line)
        command = _COMMANDS.get(verb)
        if command is None:
            if argument.rpartition(" ")[2].startswith("HTTP/"):
                return reply.NOT_HTTP
            return reply.unknown_command(verb[:MAX_QUOTED_VERB])
        return command(self, argument)

    def _helo_command(self, argument: str) -> Reply:
        self._greet("HELO", argument, extensions.Offer())
        return reply.hello(self._options.hostname)

    def _ehlo(self, argument: str) -> Reply:
        self._greet("EHLO", argument, self._offered())
        return reply.hello(self._options.hostname, self._offer.ehlo)

    def _offered(self) -> extensions.Offer:
        return extensions.offer(
            max_size=self._options.max_size,
            max_recipients=self._options.max_recipients,
            starttls=self._options.tls_context is not None and not self._tls,
            auth=self._options.auth != "off",
            submission_keys=self._options.submission_keys and self._trusted,
        )

    def _greet(self, verb: str, helo: str, offer: extensions.Offer) -> None:
        # RFC 5321 section 4.1.4: the name is not verified, but it is one word.
        if not 0 < len(helo) <= MAX_HELO or not helo.isprintable() or " " in helo:
            raise Refused(reply.bad_syntax(SYNTAX[verb]))
        self._helo = helo
        self._offer = offer
        self.reset()

    def _mail(self, argument: str) -> Reply:
        self._check_may_submit()
        return self._transaction.mail(argument)

    def _rcpt(self, argument: str) -> Reply:
        self._check_may_submit()
        return self._transaction.rcpt(argument)

    def _data(self, argument: str) -> Reply:
        self._check_may_submit()
        _expect_none("DATA", argument)
        return self._transaction.data()

    def _bdat(self, argument: str) -> Reply:
        self.chunk = read_chunk(argument)  # its octets come even if we refuse them
        self._check_may_submit()
        return self._transaction.bdat(self.chunk)

    def _check_may_submit(self) -> None:
        if not self._helo:
            raise Refused(reply.NEED_HELO)
        if self._options.auth == "required" and self._user is None:
            raise Refused(reply.AUTH_REQUIRED)

    def _rset(self, argument: str) -> Reply:
        _expect_none("RSET", argument)
        self.reset()
        return reply.OK

    def _noop(self, argument: str) -> Reply:
        return reply.OK

    def _vrfy(self, argument: str) -> Reply:
        if not argument:
            raise Refused(reply.bad_syntax(SYNTAX["VRFY"]))
        return reply.NOT_VERIFIED

    def _expn(self, argument: str) -> Reply:
        return reply.EXPN_UNAVAILABLE

    def _help(self, argument: str) -> Reply:
        if not argument:
            return reply.commands(tuple(SYNTAX))
        syntax = SYNTAX.get(argument.upper())
        return reply.help_with(syntax) if syntax else reply.NO_HELP

    def _quit(self, argument: str) -> Reply:
        _expect_none("QUIT", argument)
        return reply.BYE

    def _starttls(self, argument: str) -> Reply:
        _expect_none("STARTTLS", argument)
        if self._options.tls_context is None:
            return reply.TLS_UNAVAILABLE
        return reply.TLS_ACTIVE if self._tls else reply.START_TLS

    def _auth(self, argument: str) -> Reply:
        if self._options.auth == "off":
            return reply.AUTH_UNAVAILABLE
        if not self._offer.ehlo:
            return reply.AUTH_NEEDS_EHLO
        if self._user is not None:
            return reply.AUTH_DONE
        if self.in_transaction:
            return reply.AUTH_IN_TRANSACTION
        exchange = authentication.begin(argument)
        return self._advance(exchange, None)

    def _continue_auth(self, line: bytes) -> Reply:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        if is_handshake(line):
            raise Refused(reply.NOT_TLS)
        if len(line) > MAX_AUTH_LINE:
            raise Refused(reply.AUTH_LINE_TOO_LONG)
        if not line.endswith(b"\r\n"):
            raise Refused(reply.BARE_LINE_FEED)
        return self._advance(exchange, line[:-2])

    def _advance(self, exchange: Exchange, response: bytes | None) -> Reply:
        try:
            challenge = next(exchange) if response is None else exchange.send(response)
        except StopIteration as end:
            return self._log_in(end.value)
        self._exchange = exchange
        return challenge

    def _log_in(self, credentials: Credentials) -> Reply:
        bridge = self._options.bridge_login
        if bridge is not None and credentials.user == bridge.user:
            if not credentials.proves(bridge.password):
                return reply.AUTH_FAILED
            self._trusted = True
            self._offer = self._offered()  # submission keys, without another EHLO
            self.reset()
        self._user = credentials.user  # anybody is let in: the sandbox keeps no accounts
        return reply.AUTH_OK


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.removeprefix("::ffff:").startswith("127.")


def _expect_none(verb: str, argument: str) -> None:
    if argument:
        raise Refused(reply.bad_syntax(SYNTAX[verb]))


_COMMANDS: dict[str, Callable[[Session, str], Reply]] = {
    "AUTH": Session._auth,
    "BDAT": Session._bdat,
    "DATA": Session._data,
    "EHLO": Session._ehlo,
    "EXPN": Session._expn,
    "HELO": Session._helo_command,
    "HELP": Session._help,
    "MAIL": Session._mail,
    "NOOP": Session._noop,
    "QUIT": Session._quit,
    "RCPT": Session._rcpt,
    "RSET": Session._rset,
    "STARTTLS": Session._starttls,
    "VRFY": Session._vrfy,
}
