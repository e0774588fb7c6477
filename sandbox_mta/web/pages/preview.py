"""The preview tab: the frame, and what can be chosen about it; pure."""

from dataclasses import dataclass

from msa.message.view import Attachment, View
from sandbox_mta.store.stored import StoredMessage
from sandbox_mta.web.pages.frame import Inline, count_remote
from sandbox_mta.web.pages.place import Place, link
from sandbox_mta.web.pages.tabs import cut

WIDTHS = ("320", "375", "600", "768", "full")
SCHEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class File:
    href: str
    name: str
    type: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The frame, and what can be chosen about it."""

    has_html: bool
    text: str
    is_cut: bool
    files: tuple[File, ...]
    widths: tuple[Choice, ...]
    schemes: tuple[Choice, ...]
    width_class: str
    scheme: str
    remote: bool
    remote_count: int
    load_once: str
    body_href: str


def preview(
    message: StoredMessage, view: View, place: Place, *, width: str, scheme: str, remote: bool
) -> Preview:
    """Lay out the preview; an unknown width is the full one, an unknown scheme light."""
    here = f"/m/{message.id}/preview"
    chosen = width if width in WIDTHS[:-1] else ""
    dark = "dark" if scheme == "dark" else ""
    text, is_cut = cut(view.text)
    return Preview(
        has_html=bool(view.html.strip()),
        text=text,
        is_cut=is_cut,
        files=tuple(_file(message.id, part) for part in view.attachments if not part.inline),
        widths=tuple(
            _choice(name, name == (chosen or "full"), place.link(here, width=word, scheme=dark))
            for name, word in zip(WIDTHS, (*WIDTHS[:-1], ""), strict=True)
        ),
        schemes=tuple(
            _choice(name, name == (dark or "light"), place.link(here, width=chosen, scheme=word))
            for name, word in zip(SCHEMES, ("", "dark"), strict=True)
        ),
        width_class=f"w{chosen}" if chosen else "",
        scheme=dark,
        remote=remote,
        remote_count=0 if remote else count_remote(view.html),
        load_once=place.link(here, width=chosen, scheme=dark, remote=1),
        body_href=link(f"/m/{message.id}/body", remote=1 if remote else None),
    )


def _choice(name: str, is_current: bool, href: str) -> Choice:
    return Choice(name.capitalize(), href, is_current)


def _file(identifier: str, part: Attachment) -> File:
    return File(
        href=f"/m/{identifier}/part/{part.path}",
        name=part.file_name or f"part {part.path}",
        type=part.content_type,
        size=size_text(part.size_octets),
    )


def size_text(octets: int) -> str:
    """Say a size as people do."""
    if octets < 1000:
        return f"{octets} octets"
    if octets < 1_000_000:
        return f"{octets / 1000:.1f} KB"
    return f"{octets / 1_000_000:.1f} MB"


def inline_parts(view: View) -> dict[str, Inline]:
    """Return the parts that the HTML may show, by Content-ID."""
    return {
        part.content_id: Inline(part.content_type, view.octets(part.path) or b"")
        for part in view.attachments
        if part.content_id
    }
