"""Which mail client can do what, from caniemail's data; the newest version of each counts.

A client is a family and a platform, "outlook.windows"; a family alone means its platforms that
people still use. The data stands in `msa/lint/data`, with its licence.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

DEFAULT_CLIENTS = ("gmail", "outlook", "apple-mail", "yahoo")

_DATA = Path(__file__).parents[1] / "data" / "caniemail.json"
# Named in full they count: the one ended in 2024, the other hardly anybody opens.
_LEFT_OUT = ("outlook.windows-mail", "gmail.mobile-webmail")


class Support(NamedTuple):
    """What some clients lack, by feature: the clients, as people call them."""

    lacking: Mapping[str, str]  # "Gmail and Outlook (Windows)"
    partial: Mapping[str, str]
    titles: Mapping[str, str]  # of all features


def resolve(words: Iterable[str]) -> tuple[str, ...]:
    """Return the clients that words name: "gmail" or "gmail.ios".

    Raises `ValueError` for a word that names none.
    """
    chosen: list[str] = []
    for word in words:
        family = [
            name
            for name in _data()["clients"]
            if name.partition(".")[0] == word and name not in _LEFT_OUT
        ]
        if not family and word not in _data()["clients"]:
            raise ValueError(f"no mail client {word!r}; there are {', '.join(families())}")
        chosen += family or [word]
    return tuple(dict.fromkeys(chosen))


def families() -> tuple[str, ...]:
    """Return the names of the families."""
    return tuple(dict.fromkeys(name.partition(".")[0] for name in _data()["clients"]))


@lru_cache(maxsize=16)
def support(clients: tuple[str, ...]) -> Support:
    """Return what clients lack; they are named as `resolve` takes them."""
    columns = [_data()["clients"].index(name) for name in resolve(clients)]
    lacking: dict[str, str] = {}
    partial: dict[str, str] = {}
    titles: dict[str, str] = {}
    for slug, (title, row) in _data()["features"].items():
        titles[slug] = title
        verdicts = row.split(" ")
        for letter, found in (("n", lacking), ("a", partial)):
            those = [column for column in columns if verdicts[column][0] == letter]
            if those:
                found[slug] = _named(those, columns)
    return Support(lacking, partial, titles)


def _named(those: list[int], columns: list[int]) -> str:
    """Say which clients: the name of the family where all its chosen platforms are meant."""
    data = _data()
    chosen = _by_family(columns)
    phrases: list[str] = []
    for family, platforms in _by_family(those).items():
        name = data["families"][family]
        if platforms != chosen[family]:
            name += f" ({', '.join(data['platforms'][platform] for platform in platforms)})"
        phrases.append(name)
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))


def _by_family(columns: Iterable[int]) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for column in columns:
        family, _, platform = _data()["clients"][column].partition(".")
        families.setdefault(family, []).append(platform)
    return families


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return data
