"""Tag lists: "v=1; a=rsa-sha256; h=from:to", as in DKIM-Signature (RFC 6376 section 3.2)."""

MAX_TAGS = 100  # of one list; real ones have a dozen


def read_tags(value: bytes) -> dict[str, bytes]:
    """Return the tags of a list in their order, unfolded and without spaces around.

    Tolerant: what has no "=" is left out, and the first of two tags of a name counts.
    """
    tags: dict[str, bytes] = {}
    for piece in value.split(b";", MAX_TAGS)[:MAX_TAGS]:
        name, mark, text = piece.partition(b"=")
        if mark:
            text = text.replace(b"\r\n", b"").replace(b"\n", b"").strip(b" \t")
            tags.setdefault(name.strip().decode("latin-1"), text)
    return tags
