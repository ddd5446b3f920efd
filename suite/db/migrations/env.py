"""Runs the migrations on the connection that `suite.db.engine` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from suite.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
