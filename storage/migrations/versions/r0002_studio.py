"""Drafts and provenance of descriptions, what reviewers see beside a label, and operations that can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the new tables first, then the columns that point to them; every row stays."""
    _add_tables()
    with op.batch_alter_table("project") as batch:
        batch.add_column(sa.Column("outside_allowed", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("descriptionversion") as batch:
        batch.add_column(sa.Column("provenance", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("label") as batch:
        batch.add_column(sa.Column("merged_into_id", sa.Integer()))
        batch.add_column(sa.Column("group", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("colour", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("digit", sa.String(1)))
        batch.add_column(sa.Column("guideline", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("examples_positive", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("examples_tricky", sa.JSON(), nullable=False, server_default="[]"))
        batch.create_foreign_key("fk_label_merged_into_id", "label", ["merged_into_id"], ["id"])
    with op.batch_alter_table("annotation") as batch:
        batch.add_column(sa.Column("label_event_id", sa.Integer()))
        batch.add_column(sa.Column("replaces_id", sa.Integer()))
        batch.create_index("ix_annotation_label_event_id", ["label_event_id"])
        batch.create_foreign_key("fk_annotation_label_event_id", "labelevent", ["label_event_id"], ["id"])
        batch.create_foreign_key("fk_annotation_replaces_id", "annotation", ["replaces_id"], ["id"])
    with op.batch_alter_table("prediction") as batch:
        batch.add_column(sa.Column("label_set_id", sa.Integer()))
        batch.create_foreign_key("fk_prediction_label_set_id", "pinnedlabelset", ["label_set_id"], ["id"])


def _add_tables() -> None:
    op.create_table(
        "labelevent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(16), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("undoes_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_labelevent_project_id"),
        sa.ForeignKeyConstraint(["undoes_id"], ["labelevent.id"], name="fk_labelevent_undoes_id"),
        sa.PrimaryKeyConstraint("id", name="pk_labelevent"),
        sa.UniqueConstraint("undoes_id", name="uq_labelevent_undoes_id"),
    )
    op.create_index("ix_labelevent_project_id_id", "labelevent", ["project_id", "id"])
    op.create_table(
        "descriptiondraft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decision", sa.String(16)),
        sa.Column("accepted_version_id", sa.Integer()),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_descriptiondraft_label_id"),
        sa.ForeignKeyConstraint(
            ["accepted_version_id"], ["descriptionversion.id"], name="fk_descriptiondraft_accepted_version_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_descriptiondraft"),
    )
    op.create_index("ix_descriptiondraft_label_id_decision_id", "descriptiondraft", ["label_id", "decision", "id"])
    op.create_table(
        "pinnedlabelset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_pinnedlabelset_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_pinnedlabelset"),
        sa.UniqueConstraint("project_id", "hash", name="uq_pinnedlabelset_project_id_hash"),
    )
