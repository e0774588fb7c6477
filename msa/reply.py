"""What the submission agent says: `Reply`, and `Refused` which carries one to the door."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply (RFC 5321 section 4.2) with its enhanced status code (RFC 3463).

    A text with newlines is a multi-line reply.
    """

    code: int
    detail: str  # the enhanced code without its class digit: "1.3" of "5.1.3"
    text: str

    @property
    def enhanced(self) -> str:
        # The class digit is kept once, in `code`, so the two can never disagree.
        return f"{self.code // 100}.{self.detail}"

    @property
    def is_transient(self) -> bool:
        return self.code // 100 == 4

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


class Refused(Exception):
    """The client asked for something we decline; carries the reply it will hear."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply
