"""Keep what simulated exchangers remember, and which messages ask for their outcome."""

from alembic import op
from sqlalchemy import Column, SmallInteger, inspect

from sandbox_mta.store.tables import scenario_notes

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    connection = op.get_bind()
    scenario_notes.create(connection, checkfirst=True)
    known = {column["name"] for column in inspect(connection).get_columns("submissions")}
    if "asks_outcome" not in known:
        comment = "1 when it has a field X-Sandbox-Outcome"
        op.add_column("submissions", Column("asks_outcome", SmallInteger, comment=comment))
