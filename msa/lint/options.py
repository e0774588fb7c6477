"""What can be chosen about a run of the linter: `LintOptions`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from msa.lint.html.support import DEFAULT_CLIENTS
from msa.lint.profile import DEFAULT, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class LintOptions:
    """The choices of one run; the defaults are those of the settings.

    `select` and `ignore` take codes, beginnings of codes ("HDR") and names; without `select` all
    rules run.
    """

    profile: Profile = DEFAULT
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    clients: tuple[str, ...] = DEFAULT_CLIENTS  # that should show it, as `html.support` names them
    dns: str = "off"  # what answers look-ups: "off", "live", or the path of a zone file
    links: bool = False  # ask the servers of links whether they lead somewhere
    links_allow: tuple[str, ...] = ()  # networks that are asked though they are not public

    budget_s: float = 2.0  # for all rules together; looked at between two of them

    def as_json(self) -> dict[str, Any]:
        """Return the choices fit for JSON; `read_options` reads them."""
        return asdict(self)


DEFAULTS = LintOptions()


def read_options(fields: Mapping[str, Any]) -> LintOptions:
    """Make options of what JSON kept of them: it has lists for tuples."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return LintOptions(**values)
