"""Fixes: what a submission agent may mend in a message (RFC 6409 section 8), as edits of octets.

Only problems that have one clear solution are fixed, and nothing that a signature covers. The
submitted octets stay as they are; whoever wants the fixed message applies the edits to them.
"""

import logging
from collections.abc import Iterator
from itertools import islice

from msa.fix import body, header, text
from msa.fix.context import Context
from msa.fix.edit import BODY, Edit, Fixed, Suppressed, apply
from msa.fix.remedy import Remedy
from msa.fix.signature import Signatures
from msa.lint.draft import Draft

__all__ = ["BODY", "Context", "Edit", "Fixed", "Suppressed", "apply", "fix"]

MAX_EDITS = 500  # of one message; who needs more is to be mended by its author
MAX_SUPPRESSED = 100  # that are listed

log = logging.getLogger(__name__)


def fix(draft: Draft, context: Context) -> Fixed:
    """Return the edits that mend a message; never raises, whatever the octets.

    The same draft and context give the same edits, and the fixed message needs none.
    """
    try:
        return _sorted_out(draft, context)
    except Exception:
        log.exception("a message could not be fixed: a bug of ours")
        return Fixed()


def _sorted_out(draft: Draft, context: Context) -> Fixed:
    sieve = _Sieve(draft)
    sieve.take(text.encoded_words(draft))
    sieve.take(body.transfer_encoding(draft))
    encoded = any(edit.name == BODY and not edit.part for edit in sieve.edits)
    for remedies in (
        header.taken_out(draft),
        header.date(draft, context),
        header.message_id(draft, context),
        header.sender(draft, context),
        header.mime_version(draft, encoded=encoded),
    ):
        sieve.take(remedies)
    if len(sieve.edits) > MAX_EDITS:
        what = f"more than {MAX_EDITS} edits are due"
        reason = "so broken a message is its author's to mend"
        all_of_them = Suppressed(
            name="message", reference="RFC 6409 section 8", text=what, reason=reason
        )
        return Fixed((), (all_of_them, *sieve.suppressed[: MAX_SUPPRESSED - 1]))
    # What is put in at one place stays in the order in which it was found.
    edits = sorted(sieve.edits, key=lambda edit: (edit.start, edit.end))
    return Fixed(tuple(edits), tuple(sieve.suppressed[:MAX_SUPPRESSED]))


class _Sieve:
    """Parts what is fixed from what signatures hold back."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._signatures: Signatures | None = None
        self.edits: list[Edit] = []
        self.suppressed: list[Suppressed] = []

    def take(self, remedies: Iterator[Remedy]) -> None:
        for remedy in islice(remedies, MAX_EDITS + 1):
            if isinstance(remedy, Suppressed):
                self.suppressed.append(remedy)
            elif reason := self._reason(remedy):
                last = remedy[-1]
                self.suppressed.append(
                    Suppressed(
                        name=last.name,
                        part=last.part,
                        reference=last.reference,
                        text=last.text,
                        reason=reason,
                    )
                )
            else:
                self.edits += remedy

    def _reason(self, edits: tuple[Edit, ...]) -> str:
        if self._signatures is None:
            self._signatures = Signatures(self._draft)  # most messages have none, or no edit
        reasons = map(self._signatures.reason, edits)
        return next(filter(None, reasons), "")
