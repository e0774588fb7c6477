"""Keep the addresses that are not sent to any more."""

from alembic import op

from sandbox_mta.store.tables import suppressions

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    suppressions.create(op.get_bind(), checkfirst=True)
