"""Make the tables."""

from alembic import op

from sandbox_mta.store.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=True)
