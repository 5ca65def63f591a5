"""A project counts the changes to the labels of its documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; the count begins now."""
    op.add_column("project", sa.Column("annotation_changes", sa.Integer(), nullable=False, server_default="0"))
