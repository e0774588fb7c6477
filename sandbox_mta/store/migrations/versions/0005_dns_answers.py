"""Keep what name servers answered."""

from alembic import op

from sandbox_mta.store.tables import dns_answers

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    dns_answers.create(op.get_bind(), checkfirst=True)
