"""Predictions are counted by label without reading all sentences."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_predictedsentence_label_id_prediction_id", "predictedsentence", ["label_id", "prediction_id"])
