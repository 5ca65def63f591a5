"""Every table. Times are timezone-aware UTC; what people wrote is never deleted, its history only grows.

Documents that nobody reviewed are what a file brought: they go when their import is taken back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, MetaData, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.kinds import Action, Decision, Operation, RunStatus, SplitName, enum_type, name_key, utc_now

__all__ = [
    "Action",
    "Annotation",
    "AnnotationLabel",
    "Decision",
    "DescriptionDraft",
    "DescriptionVersion",
    "Document",
    "FileImport",
    "Label",
    "LabelEvent",
    "ModelVersion",
    "Operation",
    "PinnedLabelSet",
    "PredictedSentence",
    "Prediction",
    "Project",
    "Run",
    "RunEvent",
    "RunMetric",
    "RunStatus",
    "SplitName",
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


class Project(SQLModel, table=True):
    """A collection of documents with its labels; `name_key` is the name as compared.

    Without `outside_allowed`, nothing of it may be sent to a service outside. `annotation_changes` grows whenever the
    labels of a document change.
    """

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
    outside_allowed: bool = True
    annotation_changes: int = 0


class Label(SQLModel, table=True):
    """A label by name; what it means is in its description versions.

    `parent_id` is the label that it stands under, `group` a heading, `digit` the key that toggles it in
    review, `colour` a CSS colour like "#1d6b57"; all of these, the guideline and the examples are for people,
    no model reads them.
    """

    __table_args__ = (UniqueConstraint("project_id", "name_key"), Index(None, "project_id", "position"))

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    name: str
    name_key: str
    position: int
    created_at: datetime = Field(default_factory=utc_now)
    retired_at: datetime | None = None
    merged_into_id: int | None = Field(default=None, foreign_key="label.id")
    parent_id: int | None = Field(default=None, foreign_key="label.id")
    group: str = ""
    colour: str = ""
    digit: str | None = Field(default=None, max_length=1)
    guideline: str = Field(default="", sa_type=Text)
    examples_positive: list[str] = Field(default_factory=list, sa_type=JSON)
    examples_tricky: list[str] = Field(default_factory=list, sa_type=JSON)


class LabelEvent(SQLModel, table=True):
    """One operation on labels, append-only but for orders in a row; `undoes_id` is the one that an undo took back.

    `payload` holds {"labels": {label id: {field: [before, after]}}}, and what else the operation notes.
    """

    __table_args__ = (Index(None, "project_id", "id"),)

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    operation: Operation = Field(sa_type=enum_type(Operation))
    author: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    undoes_id: int | None = Field(default=None, foreign_key="labelevent.id", unique=True)
    created_at: datetime = Field(default_factory=utc_now)


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
    provenance: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now)


class DescriptionDraft(SQLModel, table=True):
    """A proposed description with what it came from; open until a person accepts or discards it."""

    __table_args__ = (Index(None, "label_id", "decision", "id"),)

    id: int = Field(default=None, primary_key=True)
    label_id: int = Field(foreign_key="label.id")
    text: str = Field(sa_type=Text)
    source: str
    author: str
    provenance: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now)
    decided_at: datetime | None = None
    decision: Decision | None = Field(default=None, sa_type=enum_type(Decision))
    accepted_version_id: int | None = Field(default=None, foreign_key="descriptionversion.id")


class FileImport(SQLModel, table=True):
    """The import of a file, and what it brought: documents added, earlier ones labelled, labels created."""

    __table_args__ = (Index(None, "project_id", "id"),)

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    file_name: str
    author: str
    created_at: datetime = Field(default_factory=utc_now)
    added: int = 0
    labelled: int = 0
    created_labels: int = 0
    taken_back_at: datetime | None = None
    taken_back_by: str | None = None


class Document(SQLModel, table=True):
    """A text. `annotation_id` and `annotation_action` mirror its current annotation, null without one.

    The id of a deleted one is never given again: pages and stored vectors may still name it.
    """

    __table_args__ = (
        UniqueConstraint("project_id", "external_id"),
        UniqueConstraint("project_id", "text_hash"),
        Index(None, "project_id", "split", "annotation_action", "id"),
        Index(None, "project_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    external_id: str
    text: str = Field(sa_type=Text)
    text_hash: str = Field(max_length=64)
    split: SplitName = Field(default=SplitName.UNASSIGNED, sa_type=enum_type(SplitName))
    created_at: datetime = Field(default_factory=utc_now)
    annotation_id: int | None = Field(
        default=None,
        index=True,
        sa_column_args=[ForeignKey("annotation.id", name="fk_document_annotation_id", use_alter=True)],
    )
    annotation_action: Action | None = Field(default=None, sa_type=enum_type(Action))
    import_id: int | None = Field(default=None, foreign_key="fileimport.id", index=True)


class Annotation(SQLModel, table=True):
    """The labels one author gave one document at one moment; append-only.

    One that an operation on labels wrote names it, and the annotation whose place it took.
    """

    id: int = Field(default=None, primary_key=True)
    document_id: int = Field(foreign_key="document.id", index=True)
    author: str
    action: Action = Field(sa_type=enum_type(Action))
    undoes_id: int | None = Field(default=None, foreign_key="annotation.id", index=True)
    prediction_id: int | None = Field(default=None, foreign_key="prediction.id", index=True)
    label_event_id: int | None = Field(default=None, foreign_key="labelevent.id", index=True)
    replaces_id: int | None = Field(default=None, foreign_key="annotation.id", index=True)
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
    status: RunStatus = Field(default=RunStatus.QUEUED, sa_type=enum_type(RunStatus))
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
    split: SplitName = Field(sa_type=enum_type(SplitName))
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

    @property
    def title(self) -> str:
        """The name by which people know it, like "v3 · minilm"; of a folder or a hub name the last part."""
        return f"v{self.number} · {self.backbone.rstrip('/').rpartition('/')[2]}"


class PinnedLabelSet(SQLModel, table=True):
    """A label set that answered and is no model version's own; `labels` is as in ModelVersion, `hash` its sha256.

    It is the untrained encoder's, or what a model version learnt with the labels added since behind it.
    """

    __table_args__ = (UniqueConstraint("project_id", "hash"),)

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    hash: str = Field(max_length=64)
    labels: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now)


class Prediction(SQLModel, table=True):
    """What one model version (null: the untrained encoder) said about one document; append-only.

    The label set it used is the pinned one, or else its model version's.
    """

    __table_args__ = (Index(None, "document_id", "model_version_id", "id"),)

    id: int = Field(default=None, primary_key=True)
    document_id: int = Field(foreign_key="document.id")
    model_version_id: int | None = Field(default=None, foreign_key="modelversion.id")
    label_set_id: int | None = Field(default=None, foreign_key="pinnedlabelset.id")
    threshold: float
    created_at: datetime = Field(default_factory=utc_now)


class PredictedSentence(SQLModel, table=True):
    """One sentence with its nearest label; an abstained one assigns nothing.

    Without a log-probability no model wrote it: it is the description of a label that is likely without that.
    """

    __table_args__ = (UniqueConstraint("prediction_id", "position"), Index(None, "label_id", "prediction_id"))

    id: int = Field(default=None, primary_key=True)
    prediction_id: int = Field(default=0, foreign_key="prediction.id")  # given, as the position, by predictions.add
    position: int = 0
    text: str = Field(sa_type=Text)
    label_id: int | None = Field(default=None, foreign_key="label.id")
    cosine: float
    runner_up_id: int | None = Field(default=None, foreign_key="label.id")
    runner_up_cosine: float | None = None
    log_probability: float | None = None
    probability: float | None = None  # of the label; null where nothing was trained
    abstained: bool = False
