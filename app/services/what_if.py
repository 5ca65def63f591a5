"""What an edited description would change in a project, before it is saved."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.errors import AppError
from app.services.measuring import Measure, Measuring
from app.services.preparation import LOOKED_AT, Preparation, PreparationView, Stored
from lagamc.descriptions.collisions import confusions
from lagamc.descriptions.impact import EditImpact, Figures, matched_labels, what_if
from storage import evidence, labels
from storage.engine import Database
from storage.models import SplitName

__all__ = ["AffectedRow", "ChangeRow", "Confused", "WhatIfService", "WhatIfView"]

NEAREST = 10
EXCERPT = 240  # characters of a document that are shown
CONFUSED, CONFUSED_EXCERPT = 3, 80  # documents quoted of a pair of labels, and how much of each
NEW = 0  # stands for the id of a label that is not there yet


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """Figures of one label on dev, before and after, and documents that gain or lose it."""

    label: str
    before: Figures | None
    after: Figures | None
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """A document with the sentence that matters, or itself where it is near to a new text."""

    external_id: str
    excerpt: str
    sentence: str
    cosine_before: float | None
    cosine_after: float
    labels_before: tuple[str, ...]
    labels_after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """The effect of one edit on all documents but the test ones.

    Only `nearest` is filled where there is nothing to match again: `trained` is false before the first training,
    `added` true for a label that the model never learnt. F1 is on dev, (before, after), None without annotated
    dev documents.
    """

    documents: int
    gained: int
    lost: int
    micro_f1: tuple[float, float] | None
    macro_f1: tuple[float, float] | None
    changes: tuple[ChangeRow, ...]
    affected: tuple[AffectedRow, ...]
    nearest: tuple[AffectedRow, ...]
    model_name: str
    trained: bool
    added: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Confused:
    """How many documents carry one label and are matched to another, and (external id, excerpt) of the first."""

    total: int
    first: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Labels:
    """Labels with a description, the edited one included: ids, names and texts by position."""

    ids: list[int]
    names: list[str]
    texts: list[str]  # blank where the edited one has none yet


class WhatIfService:
    """Matches stored sentences again; nothing is generated."""

    def __init__(self, database: Database, measuring: Measuring, preparation: Preparation) -> None:
        self._database = database
        self._measuring = measuring
        self._preparation = preparation

    def prepare(self, project_id: int) -> PreparationView:
        """Begin to store what the active model says about every document, unless that is done or under way."""
        return self._preparation.start(project_id)

    def preparation(self, project_id: int) -> PreparationView:
        """How far that is."""
        return self._preparation.view(project_id)

    def running(self, project_id: int) -> PreparationView | None:
        """The same while it is under way, else None; no model is loaded for that."""
        return self._preparation.running(project_id)

    def cancel(self, project_id: int) -> None:
        """Stop it after the documents in hand; what is stored stays."""
        self._preparation.cancel(project_id)

    def close(self) -> None:
        """Stop everything."""
        self._preparation.close()

    def try_text(self, project_id: int, label_id: int | None, text: str) -> WhatIfView:
        """Match all stored sentences with this description edited, or added where `label_id` is None.

        Raises:
            AppError: the text is blank, or the project is not prepared.
        """
        started = time.perf_counter()
        text = " ".join(text.split())
        if not text:
            raise AppError("There is no text to try. Write the description first.")
        measure = self._measuring.of(project_id)
        stored = self._preparation.stored(project_id, measure)
        if stored is None:
            raise AppError("The documents are not prepared for a trial yet. Press 'Prepare', once a model.")
        edited = self._measuring.embed(measure, [text])[0]
        known = self._labels(project_id, label_id)
        undescribed = label_id is not None and not known.texts[known.ids.index(label_id)]
        added = measure.source is not None and (undescribed or label_id in {item.id for item in measure.source.added})
        impact = None
        if measure.model_id is not None and not added:
            impact = self._impact(project_id, stored, known, label_id or NEW, measure=measure, edited=edited)
        return self._view(stored, known, impact, edited=edited, measure=measure, added=added, started=started)

    def confused(self, project_id: int, pairs: Sequence[tuple[int, int]]) -> list[Confused] | None:
        """For each (label id, rival id), the documents that carry the one and are matched to the other.

        None where no trained model's sentences are stored.
        """
        measure = self._measuring.of(project_id)
        stored = self._preparation.stored(project_id, measure)
        if stored is None or measure.model_id is None:
            return None
        known = self._labels(project_id, None)
        rows = self._measuring.embed(measure, known.texts[:-1])
        given = self._given(stored, known.ids[:-1])
        held = matched_labels(stored.evidence, rows, threshold=measure.threshold, given=given)
        with self._database.read() as session:
            carried = evidence.carried(session, project_id=project_id, splits=LOOKED_AT)
            annotated = [(place, key) for place, key in enumerate(stored.document_ids) if key in carried]
            truth = [carried[key] for _, key in annotated]
            matched = [{known.ids[column] for column in held[place]} for place, _ in annotated]
            found = [confusions(truth, matched, label, rival) for label, rival in pairs]
            first = [[annotated[row][1] for row in rows[:CONFUSED]] for rows in found]
            texts = evidence.texts(session, ids=sorted({key for keys in first for key in keys}))
        return [
            Confused(len(rows), tuple(_quoted(*texts[key], CONFUSED_EXCERPT) for key in keys))
            for rows, keys in zip(found, first, strict=True)
        ]

    def _labels(self, project_id: int, label_id: int | None) -> _Labels:
        with self._database.read() as session:
            found = [
                (label.id, label.name, version.text if version else "")
                for label, version in labels.described(session, project_id=project_id)
                if version is not None or label.id == label_id
            ]
        if label_id is None:
            found.append((NEW, "the new label", ""))
        elif label_id not in {key for key, *_ in found}:
            raise AppError("That label is not in use in the open project. Restore it, or reload the page.")
        ids, names, texts = (list(column) for column in zip(*found, strict=True))
        return _Labels(ids, names, texts)

    def _given(self, stored: Stored, label_ids: Sequence[int]) -> np.ndarray:
        """(N, L), true where the model gives a document a label for which it wrote nothing."""
        columns = {key: column for column, key in enumerate(label_ids)}
        with self._database.read() as session:
            now = labels.standing(session, label_ids={key for _, key in stored.unwritten})
        given = np.zeros((len(stored.document_ids), len(label_ids)), dtype=np.bool_)
        for place, key in stored.unwritten:
            if (column := columns.get(now[key].id)) is not None:
                given[place, column] = True
        return given

    def _impact(
        self, project_id: int, stored: Stored, known: _Labels, label_id: int, *, measure: Measure, edited: np.ndarray
    ) -> EditImpact:
        rows = np.zeros((len(known.ids), len(edited)), dtype=np.float32)
        described = [place for place, text in enumerate(known.texts) if text]
        if described:
            rows[described] = self._measuring.embed(measure, [known.texts[place] for place in described])
        with self._database.read() as session:
            carried = evidence.carried(session, project_id=project_id, splits=[SplitName.DEV])
        places = {key: place for place, key in enumerate(stored.document_ids)}
        dev = [key for key in carried if key in places]
        truth = np.array([[label in carried[key] for label in known.ids] for key in dev], dtype=np.bool_)
        return what_if(
            stored.evidence,
            rows,
            known.ids.index(label_id),
            edited,
            threshold=measure.threshold,
            truth=truth.reshape(len(dev), len(known.ids)),
            dev=np.array([places[key] for key in dev], dtype=np.intp),
            given=self._given(stored, known.ids),
        )

    def _view(
        self,
        stored: Stored,
        known: _Labels,
        impact: EditImpact | None,
        *,
        edited: np.ndarray,
        measure: Measure,
        added: bool,
        started: float,
    ) -> WhatIfView:
        cosines = np.clip(stored.documents @ edited, -1.0, 1.0) if len(stored.documents) else np.zeros(0)
        near = [int(place) for place in np.argsort(-cosines, kind="stable")[:NEAREST]]
        affected = impact.affected if impact else ()
        wanted = sorted({stored.document_ids[place] for place in [*near, *(item.document for item in affected)]})
        with self._database.read() as session:
            texts = evidence.texts(session, ids=wanted)

        def shown(place: int) -> tuple[str, str]:
            return _quoted(*texts[stored.document_ids[place]], EXCERPT)

        def named(columns: Sequence[int]) -> tuple[str, ...]:
            return tuple(known.names[column] for column in columns)

        return WhatIfView(
            documents=len(stored.document_ids),
            gained=len(impact.gained) if impact else 0,
            lost=len(impact.lost) if impact else 0,
            micro_f1=impact.micro_f1 if impact else None,
            macro_f1=impact.macro_f1 if impact else None,
            changes=tuple(
                ChangeRow(known.names[row.label], row.before, row.after, row.gained, row.lost)
                for row in (impact.changes if impact else ())
            ),
            affected=tuple(
                AffectedRow(
                    *shown(item.document),
                    stored.sentences[item.sentence],
                    item.cosine_before if item.cosine_before > -1.0 else None,
                    item.cosine_after,
                    named(item.labels_before),
                    named(item.labels_after),
                )
                for item in affected
            ),
            nearest=tuple(AffectedRow(*shown(place), "", None, float(cosines[place]), (), ()) for place in near),
            model_name=measure.model_name,
            trained=measure.model_id is not None,
            added=added,
            seconds=time.perf_counter() - started,
        )


def _quoted(external_id: str, text: str, limit: int) -> tuple[str, str]:
    return external_id, text if len(text) <= limit else f"{text[:limit].rstrip()}…"
