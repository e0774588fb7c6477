"""Keep transcripts, sessions and what was refused in them."""

from alembic import op

from sandbox_mta.store.tables import refusals, sessions, transcripts

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for table in (transcripts, sessions, refusals):
        table.create(op.get_bind(), checkfirst=True)
