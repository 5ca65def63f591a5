"""Every table. Times are timezone-aware UTC; nothing is deleted, history is append-only."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, Index, MetaData, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

__all__ = [
    "Action",
    "Annotation",
    "AnnotationLabel",
    "DescriptionVersion",
    "Document",
    "Label",
    "ModelVersion",
    "PredictedSentence",
    "Prediction",
    "Project",
    "Run",
    "RunEvent",
    "RunMetric",
    "RunStatus",
    "Split",
    "metadata",
    "name_key",
    "utc_now",
]

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """Return the present moment, timezone-aware."""
    return datetime.now(UTC)


def name_key(name: str) -> str:
    """Return a name as compared: case and white space make no difference."""
    return " ".join(name.split()).casefold()


class Split(StrEnum):
    """The part of the corpus a document belongs to; unassigned ones are training data once annotated."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"
    UNASSIGNED = "unassigned"


class Action(StrEnum):
    """How an annotation came about."""

    IMPORTED = "imported"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    UNDONE = "undone"


class RunStatus(StrEnum):
    """The life of a training job; the last four are final, only interrupted runs go back to queued."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


def _enum(kind: type[StrEnum]) -> Any:
    """Store the enum's values as text, so that a new member needs no type migration."""
    return Enum(kind, native_enum=False, length=16, values_callable=lambda members: [m.value for m in members])


class Project(SQLModel, table=True):
    """A collection of documents with its labels; `name_key` is the name as compared."""

    id: int = Field(default=None, primary_key=True)
    name: str
    name_key: str = Field(unique=True)
    task: str = ""
    created_at: datetime = Field(default_factory=utc_now)
    retired_at: datetime | None = None
    active_model_id: int | None = Field(
        default=None,
        sa_column_args=[ForeignKey("modelversion.id", name="fk_project_active_model_id", use_alter=True)],
    )


class Label(SQLModel, table=True):
    """A label by name; what it means is in its description versions."""

    __table_args__ = (UniqueConstraint("project_id", "name_key"), Index(None, "project_id", "position"))

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    name: str
    name_key: str
    position: int
    created_at: datetime = Field(default_factory=utc_now)
    retired_at: datetime | None = None


class DescriptionVersion(SQLModel, table=True):
    """One wording of a label's description; the highest number is the current one."""

    __table_args__ = (UniqueConstraint("label_id", "number"),)

    id: int = Field(default=None, primary_key=True)
    label_id: int = Field(foreign_key="label.id")
    number: int
    text: str = Field(sa_type=Text)
    author: str
    source: str = "person"
    note: str = ""
    created_at: datetime = Field(default_factory=utc_now)


class Document(SQLModel, table=True):
    """A text. `annotation_id` and `annotation_action` mirror its current annotation, null without one."""

    __table_args__ = (
        UniqueConstraint("project_id", "external_id"),
        UniqueConstraint("project_id", "text_hash"),
        Index(None, "project_id", "split", "annotation_action", "id"),
        Index(None, "project_id", "id"),
    )

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    external_id: str
    text: str = Field(sa_type=Text)
    text_hash: str = Field(max_length=64)
    split: Split = Field(default=Split.UNASSIGNED, sa_type=_enum(Split))
    created_at: datetime = Field(default_factory=utc_now)
    annotation_id: int | None = Field(
        default=None,
        index=True,
        sa_column_args=[ForeignKey("annotation.id", name="fk_document_annotation_id", use_alter=True)],
    )
    annotation_action: Action | None = Field(default=None, sa_type=_enum(Action))


class Annotation(SQLModel, table=True):
    """The labels one author gave one document at one moment; append-only."""

    id: int = Field(default=None, primary_key=True)
    document_id: int = Field(foreign_key="document.id", index=True)
    author: str
    action: Action = Field(sa_type=_enum(Action))
    undoes_id: int | None = Field(default=None, foreign_key="annotation.id")
    prediction_id: int | None = Field(default=None, foreign_key="prediction.id")
    created_at: datetime = Field(default_factory=utc_now)


class AnnotationLabel(SQLModel, table=True):
    """One label of an annotation."""

    annotation_id: int = Field(foreign_key="annotation.id", primary_key=True)
    label_id: int = Field(foreign_key="label.id", primary_key=True, index=True)


class Run(SQLModel, table=True):
    """A training job. `events_offset` is the number of bytes of events.jsonl already copied here."""

    __table_args__ = (Index(None, "project_id", "id"), Index(None, "status", "id"))

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    status: RunStatus = Field(default=RunStatus.QUEUED, sa_type=_enum(RunStatus))
    config: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    folder: str = ""
    pid: int | None = None
    created_at: datetime = Field(default_factory=utc_now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = Field(default=None, sa_type=Text)
    events_offset: int = Field(default=0, sa_type=BigInteger)
    author: str
    documents: int = 0
    corrections: int = 0
    total_steps: int | None = None
    step: int = 0
    remaining_seconds: float | None = None


class RunEvent(SQLModel, table=True):
    """One line of a run's events.jsonl, in order."""

    __table_args__ = (UniqueConstraint("run_id", "sequence"),)

    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    sequence: int
    type: str
    time: datetime
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class RunMetric(SQLModel, table=True):
    """One figure of a run at one step."""

    __table_args__ = (Index(None, "run_id", "name", "step"),)

    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    step: int
    split: Split = Field(sa_type=_enum(Split))
    name: str
    value: float


class ModelVersion(SQLModel, table=True):
    """A trained model. `labels` pins [{"label_id", "name", "description_version_id"}] in label-set order."""

    __table_args__ = (UniqueConstraint("project_id", "number"),)

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    run_id: int = Field(foreign_key="run.id", unique=True)
    number: int = 0  # given by model_versions.add
    folder: str
    backbone: str
    label_set_hash: str
    training_data_hash: str
    threshold: float
    labels: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    dev_micro_f1: float
    dev_macro_f1: float
    test_micro_f1: float | None = None
    test_macro_f1: float | None = None
    created_at: datetime = Field(default_factory=utc_now)
    retired_at: datetime | None = None

    @property
    def title(self) -> str:
        """The name by which people know it, like "v3 · minilm"."""
        return f"v{self.number} · {self.backbone}"


class Prediction(SQLModel, table=True):
    """What one model version (null: the untrained encoder) said about one document; append-only."""

    __table_args__ = (Index(None, "document_id", "model_version_id", "id"),)

    id: int = Field(default=None, primary_key=True)
    document_id: int = Field(foreign_key="document.id")
    model_version_id: int | None = Field(default=None, foreign_key="modelversion.id")
    threshold: float
    created_at: datetime = Field(default_factory=utc_now)


class PredictedSentence(SQLModel, table=True):
    """One generated sentence with its nearest label; an abstained one assigns nothing."""

    __table_args__ = (UniqueConstraint("prediction_id", "position"),)

    id: int = Field(default=None, primary_key=True)
    prediction_id: int = Field(default=0, foreign_key="prediction.id")  # given, as the position, by predictions.add
    position: int = 0
    text: str = Field(sa_type=Text)
    label_id: int | None = Field(default=None, foreign_key="label.id")
    cosine: float
    runner_up_id: int | None = Field(default=None, foreign_key="label.id")
    runner_up_cosine: float | None = None
    log_probability: float | None = None
    abstained: bool = False
