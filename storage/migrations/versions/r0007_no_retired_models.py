"""A model version is never retired: another one becomes active."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Drop the column; nothing ever wrote to it."""
    op.drop_column("modelversion", "retired_at")
