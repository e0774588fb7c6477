"""The server's loop without its socket: octets in, replies and messages out."""

from msa import reply
from msa.command import Chunk, CommandLines
from msa.content import ChunkReader, ContentReader
from msa.envelope import Submission
from msa.options import ServerOptions
from msa.recorder import Recorder
from msa.reply import Reply
from msa.session import Session
from tests.dialogues.serving import NOW


class Conversation:
    """One session with a client whose octets come in segments of any size.

    What the session or a reader raises comes through.
    """

    def __init__(self, options: ServerOptions, address: str = "127.0.0.1") -> None:
        self.session = Session(options, address)
        self.recorder = Recorder(started_s=0.0, now=lambda: NOW, new_id=lambda: "r-1")
        self.replies: list[Reply] = []
        self.accepted: list[Submission] = []
        self.has_ended = False
        self._options = options
        self._lines = CommandLines()
        self._buffer = bytearray()
        self._content: ContentReader | None = None
        self._chunk: tuple[Chunk, ChunkReader, Reply] | None = None

    def receive(self, octets: bytes) -> None:
        """Hear what came; nothing is heard any more after the session has ended."""
        self._buffer += octets
        while not self.has_ended and self._go_on():
            pass

    def _go_on(self) -> bool:
        """Take one line, content or chunk; False when it isn't there yet."""
        if self._content is not None:
            return self._take_content(self._content)
        if self._chunk is not None:
            return self._take_chunk(*self._chunk)
        line = self._lines.take(self._buffer)
        if line is None:
            return False
        self._obey(line)
        return True

    def _obey(self, line: bytes) -> None:
        self.recorder.heard(line, 0.0, self.session)
        answer = self.session.hear(line)
        chunk = self.session.chunk
        if chunk is not None:
            self._chunk = chunk, ChunkReader(chunk.size, keep=answer.code == 250), answer
            return
        self._say(answer)
        if answer.code == 354:
            self._content = ContentReader(self._buffer, self._options.max_size)
        elif answer.code == 220:
            self._buffer.clear()
            self.session.tls_started()
        elif answer.code in (221, 421):
            self.has_ended = True

    def _take_content(self, reader: ContentReader) -> bool:
        if not reader.take(self._buffer):
            return False
        content = reader.content()
        self._say(reply.TOO_BIG if content is None else self._accept(content))
        self.session.reset()
        self._content = None
        return True

    def _take_chunk(self, chunk: Chunk, reader: ChunkReader, answer: Reply) -> bool:
        if not reader.take(self._buffer):
            return False
        if answer.code == 250:
            content = self.session.take_chunk(reader.octets)
            answer = answer if content is None else self._accept(content)
        if chunk.is_last:
            self.session.reset()
        self._say(answer)
        self._chunk = None
        return True

    def _accept(self, content: bytes) -> Reply:
        number = f"s-{len(self.accepted) + 1}"
        said = self.recorder.content(len(content))
        self.accepted.append(
            self.session.submission(content, id=number, accepted_at=NOW, transcript=said)
        )
        answer = reply.queued(number)
        self.recorder.judged(number, answer)
        return answer

    def _say(self, answer: Reply) -> None:
        self.recorder.said(answer, answer.wire())
        self.replies.append(answer)
