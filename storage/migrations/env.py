"""Runs the revisions on the connection that `Database.migrate` opened, within its transaction."""

from __future__ import annotations

from alembic import context

from storage.models import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
