"""A session beside a small model of it: every line is answered as foreseen, and what is accepted
is what was sent.

What the client says is gathered and sent in one go, cut into segments anywhere, so pipelining is
the rule. Chunks and contents are full of what would be commands.
"""

from base64 import b64encode

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from msa.options import ServerOptions
from msa.session import MAX_NONSENSE
from tests.dialogues.serving import tls_context
from tests.fuzz.conversation import Conversation
from tests.fuzz.targets import check_record, check_reply

MAX_SIZE = 60  # octets
MAX_RECIPIENTS = 3

OCTETS = st.lists(
    st.sampled_from(
        [
            *(b"\r\n", b"\r\n", b"\n", b"\r", b".", b"..", b"\r\n.\r\n", b"\n.\n", b"\0", b"\xff"),
            *(b"QUIT\r\n", b"RSET\r\n", b"DATA\r\n", b"BDAT 9 LAST\r\n", b"Subject: a\r\n", b"x"),
        ]
    ),
    max_size=8,
).map(b"".join) | st.integers(MAX_SIZE - 4, MAX_SIZE + 2).map(lambda size: b"x" * size)
PLAIN, LOGIN = b64encode(b"\0ada\0secret"), b64encode(b"ada")
CRAM = b64encode(b"ada " + b"0" * 32)
BEARER = b64encode(b"user=ada\1auth=Bearer x\1\1")
EXCHANGES = {
    (b"AUTH PLAIN " + PLAIN,): [235],
    (b"AUTH PLAIN", PLAIN): [334, 235],
    (b"AUTH LOGIN", LOGIN, LOGIN): [334, 334, 235],
    (b"AUTH LOGIN " + LOGIN, LOGIN): [334, 235],
    (b"AUTH CRAM-MD5", CRAM): [334, 235],
    (b"AUTH XOAUTH2 " + BEARER,): [235],
    (b"AUTH PLAIN", b"*"): [334, 501],
    (b"AUTH LOGIN", LOGIN, b"*"): [334, 334, 501],
    (b"AUTH PLAIN", b"RSET"): [334, 501],
    (b"AUTH XOAUTH2", b"QUIT!"): [334, 501],
    (b"AUTH SCRAM-SHA-256",): [504],
}
UNCHANGING = {b"NOOP": 250, b"NOOP x": 250, b"VRFY x": 252, b"EXPN x": 502, b"HELP": 214}


class Model:
    """What a session knows, in the fewest words."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.tls = False
        self.nonsense = 0
        self.has_ended = False
        self.forget()

    def forget(self) -> None:
        self.greeting = ""
        self.user = False
        self.reset()

    def reset(self) -> None:
        self.is_open = False
        self.recipients = 0
        self.chunks: bytes | None = None
        self.is_lost = False

    def unfit(self) -> int:
        """The code that refuses what belongs to a transaction, or 0."""
        if not self.greeting:
            return 503
        return 530 if self.options.auth == "required" and not self.user else 0

    def mail(self) -> int:
        code = self.unfit() or (503 if self.is_open else 250)
        if code == 250:
            self.is_open, self.is_lost = True, False
        return code

    def rcpt(self) -> int:
        code = self.unfit() or (503 if not self.is_open or self.chunks is not None else 250)
        if code == 250:
            code = 452 if self.recipients == MAX_RECIPIENTS else 250
            self.recipients += code == 250
        return code

    def data(self) -> int:
        return self.unfit() or self.incomplete() or (354 if self.chunks is None else 503)

    def bdat(self, octets: bytes) -> int:
        code = self.unfit() or (503 if self.is_lost else 0)
        if code:
            return code
        self.is_lost = True
        taken = (self.chunks or b"") + octets
        code = self.incomplete() or (552 if len(taken) > MAX_SIZE else 250)
        if code == 250:
            self.chunks, self.is_lost = taken, False
        elif code == 552:
            self.chunks = self.chunks or b""
        return code

    def incomplete(self) -> int:
        if not self.is_open:
            return 503
        return 0 if self.recipients else 554

    def auth(self) -> int:
        """The code that refuses AUTH, or 0."""
        if self.options.auth == "off":
            return 502
        return 503 if self.greeting != "EHLO" or self.user or self.is_open else 0


class Client(RuleBasedStateMachine):
    @initialize(auth=st.sampled_from(["any", "required", "off"]), tls=st.booleans())
    def connect(self, auth: str, tls: bool) -> None:
        options = ServerOptions(
            auth=auth,  # type: ignore[arg-type] # one of three
            max_size=MAX_SIZE,
            max_recipients=MAX_RECIPIENTS,
            tls_context=tls_context() if tls else None,
        )
        self.model, self.server = Model(options), Conversation(options)
        self.pending = b""
        self.codes: list[int] = []
        self.contents: list[tuple[int, bytes]] = []

    def say(self, octets: bytes, *codes: int) -> None:
        """Add a line and what it must be answered with to what goes out next."""
        if not self.model.has_ended:
            self.pending += octets + b"\r\n"
            self.codes += codes
            if codes[0] != 500:
                self.model.nonsense = 0

    @rule(cuts=st.lists(st.integers(1, 40), max_size=30))
    def send(self, cuts: list[int]) -> None:
        for cut in cuts:
            self.server.receive(self.pending[:cut])
            self.pending = self.pending[cut:]
        self.server.receive(self.pending)
        self.pending = b""

        for said in self.server.replies:
            check_reply(said)
        assert [said.code for said in self.server.replies] == self.codes
        assert self.contents == [
            (len(one.envelope.recipients), one.content) for one in self.server.accepted
        ]
        assert self.server.has_ended == self.model.has_ended
        check_record(self.server)
        shown = self.server.recorder.record(self.server.session).transcript.encode()
        assert not any(secret in shown for secret in (PLAIN, LOGIN, CRAM, BEARER))

    @rule(verb=st.sampled_from(["EHLO", "HELO"]))
    def greet(self, verb: str) -> None:
        self.say(f"{verb} client.example".encode(), 250)
        self.model.greeting = verb
        self.model.reset()

    @rule(path=st.sampled_from([b"<>", b"<a@b.example>", b"<@r.example:a@b.example>"]))
    def mail(self, path: bytes) -> None:
        self.say(b"MAIL FROM:" + path, self.model.mail())

    @rule(path=st.sampled_from([b"<postmaster>", b"<a@b.example>"]))
    def rcpt(self, path: bytes) -> None:
        self.say(b"RCPT TO:" + path, self.model.rcpt())

    @rule(recipients=st.integers(1, MAX_RECIPIENTS + 1))
    def begin(self, recipients: int) -> None:
        """Say at once what otherwise seldom comes together."""
        self.greet("EHLO")
        self.mail(b"<a@b.example>")
        for _ in range(recipients):
            self.rcpt(b"<c@d.example>")

    @rule(octets=OCTETS)
    def data(self, octets: bytes) -> None:
        code = self.model.data()
        if code != 354:
            self.say(b"DATA", code)
            return
        content = octets + b"\r\n"
        fits = len(content) <= MAX_SIZE
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        if fits and not self.model.has_ended:
            self.contents.append((self.model.recipients, content))
        self.say(b"DATA\r\n" + stuffed + b".", 354, 250 if fits else 552)
        self.model.reset()

    @rule(octets=OCTETS, is_last=st.booleans())
    def bdat(self, octets: bytes, is_last: bool) -> None:
        if self.model.has_ended:
            return
        code = self.model.bdat(octets)
        if is_last and code == 250:
            assert self.model.chunks is not None
            self.contents.append((self.model.recipients, self.model.chunks))
        if is_last:
            self.model.reset()
        self.say(b"BDAT %d%s" % (len(octets), b" LAST" if is_last else b""), code)
        self.pending += octets

    @rule()
    def rset(self) -> None:
        self.say(b"RSET", 250)
        self.model.reset()

    @rule(line=st.sampled_from(sorted(UNCHANGING)))
    def say_what_changes_nothing(self, line: bytes) -> None:
        self.say(line, UNCHANGING[line])

    @rule(lines=st.sampled_from(sorted(EXCHANGES)))
    def auth(self, lines: tuple[bytes, ...]) -> None:
        refusal = self.model.auth()
        if refusal:
            self.say(lines[0], refusal)
            return
        codes = EXCHANGES[lines]
        self.say(b"\r\n".join(lines), *codes)
        self.model.user = codes[-1] == 235

    @rule(line=st.sampled_from([b"", b"HELLO", b"\0", b"\xff\xfe", b" NOOP", b"x" * 20_000]))
    def say_nonsense(self, line: bytes) -> None:
        self.model.nonsense += 1
        ends = self.model.nonsense == MAX_NONSENSE
        self.say(line, 421 if ends else 500)
        self.model.has_ended = self.model.has_ended or ends

    @precondition(lambda self: not self.model.has_ended)
    @rule(behind=OCTETS)
    def starttls(self, behind: bytes) -> None:
        """What comes behind STARTTLS in the clear is neither obeyed nor kept."""
        if self.model.options.tls_context is None or self.model.tls:
            self.say(b"STARTTLS", 502 if self.model.options.tls_context is None else 503)
            return
        self.say(b"STARTTLS", 220)
        self.pending += behind
        self.send([])  # in one segment: TLS begins before the next
        self.model.tls = True
        self.model.forget()

    def teardown(self) -> None:
        self.say(b"QUIT", 221)
        self.model.has_ended = True
        self.send([])


Client.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestSession = Client.TestCase
