"""Keep the fixes of a message, as edits of its octets."""

from alembic import op
from sqlalchemy import BigInteger, Column, inspect

from sandbox_mta.store.tables import fixes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    connection = op.get_bind()
    fixes.create(connection, checkfirst=True)
    known = {column["name"] for column in inspect(connection).get_columns("submissions")}
    if "fixed_at" not in known:
        comment = "when fixes were looked for; null: not, or not yet"
        op.add_column("submissions", Column("fixed_at", BigInteger, comment=comment))
