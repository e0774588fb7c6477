"""Profiles: what kind of mail a message is meant to be, and so how bad a flaw of it is.

`txn` is transactional mail under development (receipts, resets), the default; `bulk` is
newsletters and other mail that people subscribe to; `prod` is mail that real recipients will get,
so names of a development machine are errors; `strict` is `prod` with every warning an error.
"""

from collections.abc import Mapping
from typing import Literal

from msa.lint.finding import Severity

Profile = Literal["txn", "bulk", "prod", "strict"]

PROFILES: tuple[Profile, ...] = ("txn", "bulk", "prod", "strict")
DEFAULT: Profile = "txn"


def severity_in(
    profile: Profile, usual: Severity, differing: Mapping[Profile, Severity | None]
) -> Severity | None:
    """Return how bad a flaw is in a profile, or None when its rule is silent there.

    `differing` names the profiles that see it otherwise; `strict` follows `prod`.
    """
    known: Profile = "prod" if profile == "strict" and "strict" not in differing else profile
    severity = differing.get(known, usual)
    return Severity.ERROR if profile == "strict" and severity is Severity.WARNING else severity
