"""Every table of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create projects, labels, documents, annotations, runs, models and predictions."""
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.Column("active_model_id", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["active_model_id"], ["modelversion.id"], name="fk_project_active_model_id", use_alter=True
        ),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.UniqueConstraint("name_key", name="uq_project_name_key"),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.String(64), nullable=False),
        sa.Column("split", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("annotation_id", sa.Integer()),
        sa.Column("annotation_action", sa.String(16)),
        sa.ForeignKeyConstraint(["annotation_id"], ["annotation.id"], name="fk_document_annotation_id", use_alter=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_document_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_document"),
        sa.UniqueConstraint("project_id", "external_id", name="uq_document_project_id_external_id"),
        sa.UniqueConstraint("project_id", "text_hash", name="uq_document_project_id_text_hash"),
    )
    op.create_index("ix_document_project_id_id", "document", ["project_id", "id"])
    op.create_index("ix_document_annotation_id", "document", ["annotation_id"])
    op.create_index(
        "ix_document_project_id_split_annotation_action_id",
        "document",
        ["project_id", "split", "annotation_action", "id"],
    )

    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_label_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_label"),
        sa.UniqueConstraint("project_id", "name_key", name="uq_label_project_id_name_key"),
    )
    op.create_index("ix_label_project_id_position", "label", ["project_id", "position"])

    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text()),
        sa.Column("events_offset", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer()),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("remaining_seconds", sa.Float()),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_run_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_project_id_id", "run", ["project_id", "id"])
    op.create_index("ix_run_status_id", "run", ["status", "id"])

    op.create_table(
        "descriptionversion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_descriptionversion_label_id"),
        sa.PrimaryKeyConstraint("id", name="pk_descriptionversion"),
        sa.UniqueConstraint("label_id", "number", name="uq_descriptionversion_label_id_number"),
    )
    op.create_table(
        "modelversion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("backbone", sa.String(), nullable=False),
        sa.Column("label_set_hash", sa.String(), nullable=False),
        sa.Column("training_data_hash", sa.String(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("dev_micro_f1", sa.Float(), nullable=False),
        sa.Column("dev_macro_f1", sa.Float(), nullable=False),
        sa.Column("test_micro_f1", sa.Float()),
        sa.Column("test_macro_f1", sa.Float()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_modelversion_project_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_modelversion_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_modelversion"),
        sa.UniqueConstraint("project_id", "number", name="uq_modelversion_project_id_number"),
        sa.UniqueConstraint("run_id", name="uq_modelversion_run_id"),
    )
    op.create_table(
        "runevent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_runevent_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runevent"),
        sa.UniqueConstraint("run_id", "sequence", name="uq_runevent_run_id_sequence"),
    )
    op.create_table(
        "runmetric",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(16), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_runmetric_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runmetric"),
    )
    op.create_index("ix_runmetric_run_id_name_step", "runmetric", ["run_id", "name", "step"])

    op.create_table(
        "prediction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("model_version_id", sa.Integer()),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_prediction_document_id"),
        sa.ForeignKeyConstraint(["model_version_id"], ["modelversion.id"], name="fk_prediction_model_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
    )
    op.create_index(
        "ix_prediction_document_id_model_version_id_id",
        "prediction",
        ["document_id", "model_version_id", "id"],
    )

    op.create_table(
        "annotation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("undoes_id", sa.Integer()),
        sa.Column("prediction_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_annotation_document_id"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], name="fk_annotation_prediction_id"),
        sa.ForeignKeyConstraint(["undoes_id"], ["annotation.id"], name="fk_annotation_undoes_id"),
        sa.PrimaryKeyConstraint("id", name="pk_annotation"),
    )
    op.create_index("ix_annotation_document_id", "annotation", ["document_id"])

    op.create_table(
        "predictedsentence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("label_id", sa.Integer()),
        sa.Column("cosine", sa.Float(), nullable=False),
        sa.Column("runner_up_id", sa.Integer()),
        sa.Column("runner_up_cosine", sa.Float()),
        sa.Column("log_probability", sa.Float()),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_predictedsentence_label_id"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], name="fk_predictedsentence_prediction_id"),
        sa.ForeignKeyConstraint(["runner_up_id"], ["label.id"], name="fk_predictedsentence_runner_up_id"),
        sa.PrimaryKeyConstraint("id", name="pk_predictedsentence"),
        sa.UniqueConstraint("prediction_id", "position", name="uq_predictedsentence_prediction_id_position"),
    )
    op.create_table(
        "annotationlabel",
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["annotation_id"], ["annotation.id"], name="fk_annotationlabel_annotation_id"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_annotationlabel_label_id"),
        sa.PrimaryKeyConstraint("annotation_id", "label_id", name="pk_annotationlabel"),
    )
    op.create_index("ix_annotationlabel_label_id", "annotationlabel", ["label_id"])

    if op.get_context().dialect.supports_alter:  # SQLite has taken these two, that close a circle, above
        op.create_foreign_key("fk_project_active_model_id", "project", "modelversion", ["active_model_id"], ["id"])
        op.create_foreign_key("fk_document_annotation_id", "document", "annotation", ["annotation_id"], ["id"])
