"""A label can stand under another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; no label has a parent yet."""
    with op.batch_alter_table("label") as batch:
        batch.add_column(sa.Column("parent_id", sa.Integer()))
        batch.create_foreign_key("fk_label_parent_id", "label", ["parent_id"], ["id"])
