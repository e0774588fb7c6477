"""Charsets: which names are known, and octets to text without ever raising."""

import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache

UNDECLARED = ""  # a charset nobody named: UTF-8 when it fits, else windows-1252

_NAME = re.compile(r"[A-Za-z0-9._:+-]{1,40}")
# Codecs of Python that are no charsets of mail, or that take quadratic time (punycode, idna).
_NOT_CHARSETS = {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"),
    *("zlib_codec", "mbcs", "tactis"),
}
# Charsets that Python knows without an alias, and two labels that browsers and Outlook write.
_EXTRA = {
    **{name: name for name in ("koi8_u", "koi8_t", "kz1048", "cp720", "cp737", "cp856", "cp874")},
    **{"windows_874": "cp874", "iso_8859_8_i": "iso8859_8", "utf_8_sig": "utf_8_sig"},
}
# Only listed names reach `codecs.lookup`: it remembers each unknown name it was asked for ever.
_CODECS = (
    {alias: codec for alias, codec in aliases.items() if codec not in _NOT_CHARSETS}
    | {codec: codec for codec in aliases.values() if codec not in _NOT_CHARSETS}
    | _EXTRA
)


@lru_cache(maxsize=128)
def codec_name(charset: str) -> str | None:
    """Return Python's name of a charset, or None when no codec of ours knows it."""
    if not _NAME.fullmatch(charset):
        return None
    return _CODECS.get(charset.lower().replace("-", "_").replace(".", "_"))


def encoding_known(charset: str) -> bool:
    """Say whether octets in this charset can be read."""
    return codec_name(charset) is not None


def decode_text(data: bytes, charset: str) -> str:
    """Decode for people: what the charset can't say is read as UTF-8, then as windows-1252.

    Never raises, and never returns a lone surrogate.
    """
    codec = codec_name(charset)
    for candidate in (codec, "utf_8"):
        if candidate is not None:
            try:
                return _whole(codecs.decode(data, candidate))
            except (UnicodeError, LookupError):
                continue
    if codec not in (None, "ascii"):
        return _whole(codecs.decode(data, codec or "utf_8", "replace"))
    return data.decode("cp1252", "replace")


def _whole(text: str) -> str:
    # UTF-7 and UTF-16 can spell half a pair, which no database and no JSON takes.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
