"""Keep the status events that listeners have not got yet."""

from alembic import op

from sandbox_mta.store.tables import status_outbox, status_senders

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table in (status_outbox, status_senders):
        table.create(op.get_bind(), checkfirst=True)
