"""Alembic runs this for each migration, with the locked connection of `migrate`."""

from alembic import context
from sqlalchemy import Connection

from sandbox_mta.store import views
from sandbox_mta.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    dialect = connection.dialect.name
    for statement in views.drop_statements(dialect):
        connection.exec_driver_sql(statement)
    context.run_migrations()
    for statement in views.create_statements(dialect):
        connection.exec_driver_sql(
            statement.replace("%", "%%") if dialect == "mysql" else statement
        )


run(context.config.attributes["connection"])
