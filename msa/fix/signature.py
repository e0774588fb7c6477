"""What signatures cover: there a fix would do more harm than the flaw (RFC 6409 section 8)."""

from collections.abc import Iterator
from typing import NamedTuple

from msa.auth.tags import read_tags, shown, without_space
from msa.fix.edit import BODY, Edit
from msa.lint.draft import Draft
from msa.message.structured import unfold
from msa.message.tree import Part

MAX_SIGNATURES = 50  # of one message that are read; a forwarded one has about ten
MAX_SHOWN = 60  # characters of a signer's domain that are quoted
_DKIM_LIKE = ("dkim-signature", "arc-message-signature", "domainkey-signature")
_OPAQUE = ("application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7-signature")
_PGP = b"-----BEGIN PGP "


class _Signature(NamedTuple):
    what: str
    fields: frozenset[str] | None  # lower case; None: it can't be read, so it may cover all


class Signatures:
    """The signatures of one message."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._over_fields = list(_dkim_like(draft))
        self._parts = dict(_covered(draft, draft.root, ""))

    def reason(self, edit: Edit) -> str:
        """Say why an edit would break a signature; "" when it would not."""
        in_body = edit.name == BODY or edit.part != ""
        for signature in self._over_fields:
            if in_body:
                return f"{signature.what} covers the body"
            if signature.fields is None or edit.name.lower() in signature.fields:
                return f"{signature.what} covers the {edit.name} field"
        if not in_body:
            return ""
        return self._parts.get(edit.part, "") or self._pgp(edit)

    def _pgp(self, edit: Edit) -> str:
        if edit.name != BODY:
            return ""
        content = self._draft.content
        at = content.find(_PGP, edit.start, edit.end)
        if at >= 0 and (at == edit.start or content[at - 1] == 0x0A):
            return "the text holds a PGP signature or a PGP message"
        return ""


def _dkim_like(draft: Draft) -> Iterator[_Signature]:
    for name in _DKIM_LIKE:
        for field in draft.fields.get(name, ())[:MAX_SIGNATURES]:
            value = unfold(draft.value(field)).decode("latin-1")
            tags, trouble = read_tags(value)
            domain = shown(without_space(tags.get("d", "")), MAX_SHOWN)
            what = f"the {field.name} of {domain}" if domain else f"the {field.name}"
            listed = None if trouble else tags.get("h")
            # A name in h= covers a field that is absent too: none may be added (RFC 6376 5.4.2).
            covered = (
                None if listed is None else {each.strip() for each in listed.lower().split(":")}
            )
            yield _Signature(what, None if covered is None else frozenset(covered))


def _covered(draft: Draft, part: Part, reason: str) -> Iterator[tuple[str, str]]:
    """Yield each of the author's own parts that is signed or encrypted, with what it is."""
    if reason or part.type in _OPAQUE:
        yield part.path, reason or f"the part is {part.type} (RFC 8551)"
    if part.delimiters is None:
        return
    if part.type in ("multipart/signed", "multipart/encrypted"):
        reason = reason or f"the part stands in a {part.type} (RFC 1847)"
    for child in part.parts:
        yield from _covered(draft, child, reason)
