"""Runs the migrations in the transaction that ``database`` has open."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
