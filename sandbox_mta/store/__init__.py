"""Everything that is written down, in MySQL or SQLite; the only door to SQLAlchemy.

Importing this package imports no library: SMTP listens before the store is open, and the lint
worker needs no more of it than its own file.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msa.envelope import Submission
    from msa.lint.options import LintOptions
    from sandbox_mta.events.outbox import Channel
    from sandbox_mta.store.composition import Store


async def open_store(  # noqa: PLR0913 # what a process may choose
    url: str,
    *,
    folder: Path,
    instance: str,
    delivers: bool = True,
    after_commit: "Callable[[Sequence[Submission]], None] | None" = None,
    lint_options: "LintOptions | None" = None,
    fixes_as: str | None = None,
    channels: "Collection[Channel]" = (),
) -> "Store":
    """Open the database that a URL names, with its tables made or brought up to date.

    `folder` is where a relative path of SQLite begins. `instance` names this process in leases; it
    must be the same after a restart and no other process may have it. `delivers` says whether this
    process settles recipients. `after_commit` is called with the submissions of each commit before
    their clients hear of it. `lint_options` is how it is linted; None for the defaults.
    `fixes_as` is the host name put into fixes; None: nothing is fixed. `channels` are those who
    listen to status events. Raises a `StoreError`
    whose text is one line for people.
    """

    def compose() -> "Store":
        from msa.lint.options import DEFAULTS
        from sandbox_mta.store.composition import Store
        from sandbox_mta.store.database import parse_url

        address = parse_url(url, folder)
        return Store(
            address,
            instance=instance,
            delivers=delivers,
            after_commit=after_commit,
            lint_options=lint_options or DEFAULTS,
            fixes_as=fixes_as,
            channels=channels,
        )

    store = await asyncio.to_thread(compose)  # the imports take half a second
    await store.open()
    return store
