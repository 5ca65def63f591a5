"""Review: which document comes next, what the model says of it, and what a person decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlmodel import Session

from app.errors import AppError
from app.services.answer_view import ClassificationView
from app.services.review_prediction import PredictionView, fresh_prediction, prediction_view
from lagamc.errors import LagamcError
from storage import annotations as annotation_log
from storage import documents, labels, predictions, projects
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import Action, Annotation, DescriptionVersion, Document, Label, name_key

__all__ = ["LabelChoice", "ReviewCounts", "ReviewItem", "ReviewService", "SavedReview"]

DIGITS = "1234567890"
UNSEEN = (
    "A test document: decide by the text alone. Labels that follow the model, whose answer is left out here, make the "
    "figures of every version look better than they are."
)


class LabelChoice(NamedTuple):
    """A label to toggle, with what guides its use.

    A key set on a label is its own; the keys left go to the others by position, the last ones have none.
    """

    id: int
    name: str
    digit: str
    description: str = ""
    group: str = ""
    colour: str = ""
    guideline: str = ""
    examples_positive: tuple[str, ...] = ()
    examples_tricky: tuple[str, ...] = ()
    parent: str = ""


@dataclass(frozen=True, slots=True)
class SavedReview:
    """Labels as they are stored: who gave them, when, and whether a file or a person did.

    `action` is "imported", "accepted" or "corrected".
    """

    annotation_id: int
    action: str
    author: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A document to review, with those of its labels that are in use and where they are from.

    Without a `prediction`, `problem` says why; `save` takes `annotation_id` back.
    """

    document_id: int
    external_id: str
    text: str
    split: str
    labels: list[str]
    current: SavedReview | None
    prediction: PredictionView | None
    problem: str
    labels_all: list[LabelChoice]

    @property
    def annotation_id(self) -> int | None:
        """The id of what is stored, or None for a document that nothing was said of."""
        return self.current.annotation_id if self.current else None


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """Documents outside the test split that a person reviewed, corrected, or has yet to see."""

    reviewed: int
    corrections: int
    remaining: int


class Classifying(Protocol):
    """The one thing that review needs of classification."""

    def classify_document(self, document_id: int) -> ClassificationView:
        """Classify a document and store the prediction."""


class ReviewService:
    """Use cases of the Review screen."""

    def __init__(self, database: Database, classification: Classifying) -> None:
        self._database = database
        self._classification = classification

    def next(
        self, project_id: int, after_id: int | None = None, skip: Collection[int] = frozenset()
    ) -> ReviewItem | None:
        """Return the next document nobody has reviewed, or None when all are done or skipped.

        Unassigned documents come before train and dev; test documents are never offered.
        """
        with self._database.read() as session:
            document = documents.next_unreviewed(session, project_id=project_id, after_id=after_id or 0, skip=skip)
        return self.item(document.id) if document else None

    def item(self, document_id: int) -> ReviewItem:
        """Return one document as it is to be reviewed, classified if what answers now has not done so.

        One of the test split, which is only reviewed when somebody asks for it, comes without a prediction.
        """
        prediction_id, problem = self._prediction(document_id)
        with self._database.read() as session:
            document = documents.get(session, document_id=document_id)
            key = document.annotation_id
            carried = _usable(session, annotation_log.label_ids(session, annotation_id=key))
            in_use = labels.described(session, project_id=document.project_id)
            return ReviewItem(
                document_id=document.id,
                external_id=document.external_id,
                text=document.text,
                split=document.split.value,
                labels=[label.name for label, _ in in_use if label.id in carried],
                current=None if key is None else _saved(annotation_log.get(session, annotation_id=key)),
                prediction=prediction_view(session, prediction_id) if prediction_id else None,
                problem=problem,
                labels_all=_choices(in_use, labels.parents(session, project_id=document.project_id)),
            )

    def save(
        self,
        document_id: int,
        label_ids: Collection[int],
        author: str,
        expected_annotation_id: int | None,
        prediction_id: int | None = None,
    ) -> SavedReview:
        """Record a person's decision; no label at all is one too. Retired labels of the document, not offered, stay.

        A label that was merged since it was chosen is the one that survived. The decision corrects when it differs from
        the prediction it answers, or, without a prediction, from the labels that the document had.

        Raises:
            AppError: a label is of another project, or the prediction is of another document.
            NotFound: the document was taken out with its import.
            Retired: its project was put away.
            StaleWrite: somebody has saved the document since it was loaded, or retired a label.
        """
        with self._database.write() as session:
            document = _locked(session, document_id)
            chosen = _chosen(session, document, label_ids)
            proposed = _proposed(session, document, prediction_id)
            saved = annotation_log.record(
                session,
                document_id=document_id,
                labels=chosen | _retired(session, document),
                author=author,
                action=Action.ACCEPTED if chosen == proposed else Action.CORRECTED,
                expected_id=expected_annotation_id,
                prediction_id=prediction_id,
            )
            return _saved(saved)

    def label_ids(self, document_id: int, names: Sequence[str]) -> list[int]:
        """Return the labels in use that have these names in a document's project. Raises AppError for one unknown."""
        with self._database.read() as session:
            document = documents.get(session, document_id=document_id)
            known = labels.by_name(session, project_id=document.project_id)
        if unknown := [name for name in names if name_key(name) not in known]:
            raise AppError(
                f"The project has no label {', '.join(map(repr, unknown))} in use. Add or restore it on the "
                "Labels tab, then save again."
            )
        return [known[name_key(name)].id for name in names]

    def standing(self, label_ids: Collection[int]) -> tuple[list[int], list[str]]:
        """Return the labels in use that stand for these now, and the names of those that were retired."""
        with self._database.read() as session:
            stands = labels.standing(session, label_ids=label_ids).values()
            return (
                [label.id for label in stands if label.retired_at is None],
                [label.name for label in stands if label.retired_at is not None],
            )

    def undo(self, annotation_id: int, author: str) -> None:
        """Take a decision back; the one before it holds again.

        Raises StaleWrite when a later one exists, Retired when the project was put away.
        """
        with self._database.write() as session:
            _locked(session, annotation_log.get(session, annotation_id=annotation_id).document_id)
            annotation_log.undo(session, annotation_id=annotation_id, author=author)

    def counts(self, project_id: int) -> ReviewCounts:
        """Return how far the review of a project is."""
        reviewed = corrections = remaining = 0
        with self._database.read() as session:
            for _, split, action, number in documents.tally(session, project_id=project_id):
                if split not in documents.QUEUE:
                    continue
                reviewed += number if action in documents.REVIEWED else 0
                corrections += number if action is Action.CORRECTED else 0
                remaining += number if action not in documents.REVIEWED else 0
        return ReviewCounts(reviewed, corrections, remaining)

    def _prediction(self, document_id: int) -> tuple[int | None, str]:
        """Return the id of a prediction by what answers now; or None, and why there is none."""
        with self._database.read() as session:
            document = documents.get(session, document_id=document_id)
            if document.split not in documents.QUEUE:
                return None, UNSEEN
            if found := fresh_prediction(session, document):
                return found.id, ""
        try:  # no session is open while a model generates
            return self._classification.classify_document(document_id).prediction_id, ""
        except (AppError, LagamcError) as error:
            return None, str(error)


def _locked(session: Session, document_id: int) -> Document:
    """A document that nobody else writes until the commit, nor an operation on the labels of its project."""
    projects.locked(session, project_id=documents.get(session, document_id=document_id).project_id)
    return documents.get(session, document_id=document_id, lock=True)


def _saved(annotation: Annotation) -> SavedReview:
    return SavedReview(annotation.id, annotation.action.value, annotation.author, annotation.created_at)


def _choices(
    in_use: Sequence[tuple[Label, DescriptionVersion | None]], parents: Mapping[int, Label]
) -> list[LabelChoice]:
    taken = {label.digit for label, _ in in_use}
    left = (digit for digit in DIGITS if digit not in taken)
    return [
        LabelChoice(
            id=label.id,
            name=label.name,
            digit=label.digit or next(left, ""),
            description=version.text if version else "",
            group=label.group,
            colour=label.colour,
            guideline=label.guideline,
            examples_positive=tuple(label.examples_positive),
            examples_tricky=tuple(label.examples_tricky),
            parent=parents[label.id].name if label.id in parents and not parents[label.id].retired_at else "",
        )
        for label, version in in_use
    ]


def _chosen(session: Session, document: Document, label_ids: Collection[int]) -> set[int]:
    stands = labels.standing(session, label_ids=label_ids)
    if any(label.retired_at is not None for label in stands.values()):
        raise StaleWrite("Nothing was saved: a label that you chose is not in use any more.")
    if len(stands) < len(set(label_ids)) or any(label.project_id != document.project_id for label in stands.values()):
        raise AppError("A chosen label is of another project. Reload the page, then choose again.")
    return {label.id for label in stands.values()}


def _proposed(session: Session, document: Document, prediction_id: int | None) -> set[int]:
    if prediction_id is None:
        return _usable(session, annotation_log.label_ids(session, annotation_id=document.annotation_id))
    if predictions.get(session, prediction_id=prediction_id).document_id != document.id:
        raise AppError(f"Prediction {prediction_id} is of another document. Reload the page, then save again.")
    sentences = predictions.sentences(session, prediction_id=prediction_id)
    assigned = {row.label_id for row in sentences if not row.abstained and row.label_id is not None}
    return _usable(session, assigned)


def _retired(session: Session, document: Document) -> set[int]:
    """The labels of a document that are retired and stand for themselves."""
    held = annotation_log.label_ids(session, annotation_id=document.annotation_id)
    stands = labels.standing(session, label_ids=held).values()
    return {label.id for label in stands if label.retired_at is not None}


def _usable(session: Session, label_ids: Collection[int]) -> set[int]:
    """The labels in use that stand for these now: merges followed, retired ones left out."""
    stands = labels.standing(session, label_ids=label_ids).values()
    return {label.id for label in stands if label.retired_at is None}
