"""The submission agent: octets and commands in, a `Submission` or a refusal out.

No database and no Kafka: what it needs of the outside stands in `msa.ports`. The server itself,
`msa.server.listen`, is not imported here, so that the rest is free of aiosmtpd.
"""

from msa.envelope import Client, Envelope, Kind, Recipient, Submission
from msa.options import Login, ServerOptions
from msa.ports import Linter, StoreFull, SubmissionStore
from msa.reply import Refused, Reply

__all__ = [
    "Client",
    "Envelope",
    "Kind",
    "Linter",
    "Login",
    "Recipient",
    "Refused",
    "Reply",
    "ServerOptions",
    "StoreFull",
    "Submission",
    "SubmissionStore",
]
