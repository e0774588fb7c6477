"""One mail transaction (RFC 5321 section 3.3): the rules of the dialogue, with no socket."""

from msa import reply
from msa.address import read_forward_path, read_reverse_path
from msa.command import Chunk, read_path
from msa.envelope import Envelope, Recipient
from msa.extensions import Offer, read_parameters
from msa.reply import Refused, Reply


class Transaction:
    """Gathers an envelope, one command at a time; a refused command changes nothing.

    `max_size` counts octets of content. Every method raises `Refused` for what it declines.
    """

    __slots__ = (
        "_chunks",
        "_is_lost",
        "_max_recipients",
        "_max_size",
        "_offer",
        "_parameters",
        "_recipients",
        "_reverse_path",
    )

    def __init__(self, offer: Offer, *, max_size: int, max_recipients: int) -> None:
        self._offer = offer
        self._max_size = max_size
        self._max_recipients = max_recipients
        self._reverse_path: str | None = None
        self._parameters: dict[str, str] = {}  # of MAIL
        self._recipients: list[Recipient] = []
        self._chunks: bytearray | None = None  # of the content, once BDAT began it
        self._is_lost = False  # one of them was refused

    @property
    def is_open(self) -> bool:
        return self._reverse_path is not None

    @property
    def reverse_path(self) -> str | None:
        return self._reverse_path

    @property
    def submission_key(self) -> str | None:
        return self._parameters.get("XSUBMISSIONKEY")

    def mail(self, argument: str) -> Reply:
        """Answer MAIL; `argument` is all that stands behind the verb."""
        if self.is_open:
            raise Refused(reply.NESTED_MAIL)
        path, words = read_path("MAIL", "FROM:", argument, reply.malformed_reverse_path)
        parameters = self._read(words, "mail") if words else {}
        smtputf8 = "SMTPUTF8" in parameters
        # RFC 1870 section 6.1; the declared size binds nobody, the content is counted again.
        if int(parameters.get("SIZE", "0")) > self._max_size:
            raise Refused(reply.TOO_BIG)
        self._is_lost = False
        self._reverse_path = read_reverse_path(path, smtputf8=smtputf8)
        self._parameters = parameters
        return reply.SENDER_OK

    def rcpt(self, argument: str) -> Reply:
        """Answer RCPT."""
        if not self.is_open:
            raise Refused(reply.NEED_MAIL)
        if self._chunks is not None:
            raise Refused(reply.CONTENT_BEGUN)
        path, words = read_path("RCPT", "TO:", argument, reply.malformed_forward_path)
        parameters = self._read(words, "rcpt") if words else {}
        smtputf8 = "SMTPUTF8" in self._parameters
        if not smtputf8 and not parameters.get("ORCPT", "").isascii():
            raise Refused(reply.bad_value("ORCPT"))
        forward_path = read_forward_path(path, smtputf8=smtputf8)
        if len(self._recipients) >= self._max_recipients:
            raise Refused(reply.TOO_MANY_RECIPIENTS)
        notify = tuple(parameters["NOTIFY"].upper().split(",")) if "NOTIFY" in parameters else None
        self._recipients.append(Recipient(forward_path, notify, parameters.get("ORCPT")))
        return reply.RECIPIENT_OK

    def data(self) -> Reply:
        """Answer DATA: 354 when the content may come."""
        self._check_complete()
        if self._chunks is not None:
            raise Refused(reply.CONTENT_BEGUN)
        if self._parameters.get("BODY", "").upper() == "BINARYMIME":
            raise Refused(reply.BINARY_NEEDS_BDAT)
        return reply.START_CONTENT

    def bdat(self, chunk: Chunk) -> Reply:
        """Answer BDAT (RFC 3030); the reply goes out when the chunk is there.

        After a chunk was refused the message can't be whole any more: so are all that follow.
        """
        if self._is_lost:
            raise Refused(reply.CHUNK_LOST)
        self._is_lost = True
        self._check_complete()
        if self._chunks is None:
            self._chunks = bytearray()
        if len(self._chunks) + chunk.size > self._max_size:
            self._chunks.clear()
            raise Refused(reply.TOO_BIG)
        self._is_lost = False
        return reply.chunk_taken(chunk.size)

    def add(self, octets: bytes) -> None:
        """Keep the octets of a chunk."""
        assert self._chunks is not None
        self._chunks += octets

    def chunked_content(self) -> bytes:
        """Return the content that came in chunks."""
        return bytes(self._chunks or b"")

    def _check_complete(self) -> None:
        if not self.is_open:
            raise Refused(reply.NEED_MAIL)
        if not self._recipients:
            # RFC 2920 section 3.1: the client may have sent DATA before it heard of our refusals.
            raise Refused(reply.NEED_RECIPIENT)

    def envelope(self) -> Envelope:
        """Return what was gathered."""
        self._check_complete()
        parameters = self._parameters
        return Envelope(
            reverse_path=self._reverse_path or "",
            recipients=tuple(self._recipients),
            ret=parameters["RET"].upper() if "RET" in parameters else None,
            envid=parameters.get("ENVID"),
            body=parameters["BODY"].upper() if "BODY" in parameters else None,
            smtputf8="SMTPUTF8" in parameters,
        )

    def _read(self, words: list[str], verb: str) -> dict[str, str]:
        allowed = self._offer.mail if verb == "mail" else self._offer.rcpt
        return read_parameters(words, allowed, extended=bool(self._offer.ehlo))
