"""A sentence keeps the probability of its label."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; earlier predictions have none."""
    op.add_column("predictedsentence", sa.Column("probability", sa.Float()))
