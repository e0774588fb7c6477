"""What providers say, by name: `gmail.no-such-user`. The words stand in `presets.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One reply of a provider, as it is on record."""

    name: str
    code: int
    text: str  # with placeholders; several lines are a multi-line reply
    stage: str
    reason: str
    sources: tuple[str, ...]
    as_of: str  # the day on which the sources were looked at
    detail: str = ""  # "" where the provider gives no enhanced code


@cache
def presets() -> Mapping[str, Preset]:
    """Return every preset by its name. Read when first asked for: most runs never do."""
    data = tomllib.loads(files(__package__).joinpath("presets.toml").read_text("utf-8"))
    sources = data["sources"]
    return {
        name: Preset(
            **{
                **fields,
                "name": name,
                "sources": tuple(sources[letter] for letter in fields["sources"]),
                "as_of": data["as_of"],
            }
        )
        for name, fields in data["preset"].items()
    }
