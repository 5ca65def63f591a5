"""An import can be taken back: documents name the import that added them, and may be deleted with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table and the column; documents of earlier imports name none.

    SQLite gives the id of a deleted document to no other one from here on: pages and vectors still name it.
    The indexes are for its foreign keys, or each deleted row would be looked for in all others.
    """
    op.create_table(
        "fileimport",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("labelled", sa.Integer(), nullable=False),
        sa.Column("created_labels", sa.Integer(), nullable=False),
        sa.Column("taken_back_at", sa.DateTime(timezone=True)),
        sa.Column("taken_back_by", sa.String()),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_fileimport_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_fileimport"),
    )
    op.create_index("ix_fileimport_project_id_id", "fileimport", ["project_id", "id"])
    with op.batch_alter_table("document", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("import_id", sa.Integer()))
        batch.create_index("ix_document_import_id", ["import_id"])
        batch.create_foreign_key("fk_document_import_id", "fileimport", ["import_id"], ["id"])
    for column in ("undoes_id", "prediction_id", "replaces_id"):
        op.create_index(f"ix_annotation_{column}", "annotation", [column])
