"""How Alembic runs the migrations: in the transaction, and under the lock, that `database.migrate` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table=context.config.attributes["version_table"]
)
context.run_migrations()
