"""Domain names as people see them: international forms, scripts, look-alikes, slips of the pen.

The door to idna, which is imported when the first name that isn't ASCII comes.
"""

import re
import unicodedata
from itertools import islice

MAX_DOMAIN = 255  # octets, RFC 5321 section 4.5.3.1.2; idna gets nothing longer
MAX_LABEL = 63  # octets, RFC 1035 section 2.3.4


def a_label(domain: str) -> str | None:
    """Return a domain in ASCII (xn--...); None when IDNA 2008 (RFC 5891) doesn't know such a name.

    Capital letters are made small first, as readers of mail do.
    """
    if len(domain.encode("utf-8", "surrogateescape")) > MAX_DOMAIN:
        return None
    import idna  # here, since it takes 10 ms and most mail has no such domain

    try:
        return idna.encode(domain.lower()).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None


def u_label(domain: str) -> str | None:
    """Return a domain in its own letters; None when one of its labels is not of IDNA 2008."""
    if len(domain.encode("utf-8", "surrogateescape")) > MAX_DOMAIN:
        return None
    import idna

    try:
        return ".".join(
            idna.decode(label) if label.startswith("xn--") or not label.isascii() else label
            for label in domain.lower().split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return None


# UTS 39 section 5.2, Highly Restrictive: one script, or Latin beside one of these systems.
_TOGETHER = (
    frozenset(("LATIN", "CJK", "HIRAGANA", "KATAKANA")),
    frozenset(("LATIN", "CJK", "BOPOMOFO")),
    frozenset(("LATIN", "CJK", "HANGUL")),
)
# Marks that the scripts of Japanese share, though their names begin with one of them.
_SHARED = "\u30fb\u30fc\u3005\u3006\u3007"
# Letters of other scripts that most fonts draw as a Latin letter.
_TWINS = frozenset("асԁеһіјӏорԛѕԝхуѵ" + "ανορυχ")  # noqa: RUF001 # that is what it is about


def is_mixed(label: str) -> bool:
    """Say whether the letters of a label are of scripts that no language mixes.

    The script of a letter is taken from its Unicode name ("CYRILLIC SMALL LETTER A"), which tells
    the scripts of living languages apart.
    """
    scripts = {
        unicodedata.name(letter, "").partition(" ")[0]
        for letter in islice(label, MAX_LABEL)
        if letter.isalpha() and letter not in _SHARED
    }
    return len(scripts) > 1 and not any(scripts <= some for some in _TOGETHER)


def is_twin(label: str) -> bool:
    """Say whether a label in Cyrillic or Greek letters looks as if it were written in Latin."""
    letters = [letter for letter in label if letter.isalpha()]
    return any(not letter.isascii() for letter in letters) and all(
        letter in _TWINS for letter in letters
    )


_COM = ("com",)
# The big mail providers by their first label, with what may follow it.
_PROVIDERS: dict[str, tuple[str, ...]] = {
    "gmail": _COM,
    "googlemail": _COM,
    "hotmail": (
        *("com", "co.uk", "fr", "de", "it", "es", "nl", "be", "ca", "se", "no", "dk", "gr"),
        *("com.br", "com.ar", "com.tr", "co.jp", "co.th"),
    ),
    "outlook": (*("com", "fr", "de", "it", "es", "be", "dk", "pt", "jp", "sa"), "com.br", "com.au"),
    "yahoo": (
        *("com", "co.uk", "fr", "de", "it", "es", "ca", "gr", "se", "ro", "pl", "in"),
        *("co.in", "co.jp", "co.id", "com.br", "com.ar", "com.au", "com.mx", "com.tw", "com.hk"),
    ),
    "icloud": _COM,
    "protonmail": ("com", "ch"),
    "fastmail": ("com", "fm"),
    "rocketmail": _COM,
    "comcast": ("net",),
    "verizon": ("net",),
    "sbcglobal": ("net",),
    "bellsouth": ("net",),
    "earthlink": ("net",),
    "optonline": ("net",),
    "btinternet": _COM,
    "virginmedia": _COM,
    "wanadoo": ("fr",),
    "laposte": ("net",),
    "t-online": ("de",),
    "freenet": ("de",),
    "yandex": ("ru", "com"),
    "rambler": ("ru",),
    "rediffmail": _COM,
    "hanmail": ("net",),
    "seznam": ("cz",),
}
_COM_SLIPS = frozenset(
    ("con", "cmo", "ocm", "co", "cm", "om", "comm", "coom", "ccom", "vom", "xom", "cim", "cpm")
)


def _shortened(label: str) -> set[str]:
    """Return a label, and all it becomes when one letter but the first is left out."""
    return {label} | {label[:at] + label[at + 1 :] for at in range(1, len(label))}


# First letter and length of what can be a slip: most domains are told apart by it, in 0.2 us.
_SHAPES = frozenset((label[0], len(label) + more) for label in _PROVIDERS for more in (-1, 0, 1))
_NEAR: dict[str, set[str]] = {}
for _label in _PROVIDERS:
    for _short in _shortened(_label):
        _NEAR.setdefault(_short, set()).add(_label)


def meant(domain: str) -> str | None:
    """Return the big provider that a domain (in small letters) is probably a slip of, or None.

    A slip is one letter too many, too few, wrong, or two in the wrong order. The first letter is
    taken as meant, or mail.com would be a slip of gmail.com.
    """
    label, _, rest = domain.partition(".")
    if not rest or (label[:1], len(label)) not in _SHAPES:
        return None
    follows = _PROVIDERS.get(label)
    if follows is not None:
        return f"{label}.com" if rest in _COM_SLIPS and "com" in follows else None
    for short in _shortened(label):
        for provider in sorted(_NEAR.get(short, ())):
            known = rest in _PROVIDERS[provider] or rest in _COM_SLIPS
            if known and _is_slip(label, provider):
                return f"{provider}.{rest if rest in _PROVIDERS[provider] else 'com'}"
    return None


def _is_slip(label: str, provider: str) -> bool:
    if len(label) != len(provider):
        return True  # one of the two has one letter more, and else they are the same
    differing = [
        at for at, pair in enumerate(zip(label, provider, strict=True)) if len({*pair}) > 1
    ]
    if len(differing) == 1:
        return True
    first, last = differing[0], differing[-1]
    return (
        len(differing) == 2
        and last == first + 1
        and label[first] == provider[last]
        and label[last] == provider[first]
    )


# RFC 2606, RFC 6761, RFC 6762, and .internal, which ICANN keeps for inner networks.
_RESERVED = re.compile(
    r"(?:.*\.)?(?:test|invalid|localhost|local|example|internal|example\.(?:com|net|org))",
    re.IGNORECASE | re.DOTALL,
)


def is_reserved(domain: str) -> bool:
    """Say whether a name can't be reached by anybody: .test, .invalid, .local, example.com ..."""
    return len(domain) <= MAX_DOMAIN and _RESERVED.fullmatch(domain) is not None
