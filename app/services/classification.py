"""Texts, documents and files classified by a project's active model, or by the untrained encoder before that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from app.errors import AppError
from app.services.answer_view import (
    ClassificationView,
    NeighbourRow,
    decided,
    given_labels,
    sentence_rows,
    stored_sentences,
)
from app.services.answering import Answering, Source
from app.services.file_job_record import FileJob
from app.services.file_jobs import ClassifyStream, FileJobs
from app.services.labels import LabelService
from app.services.naming import unstorable
from app.settings import Settings
from lagamc.readers import MAX_TEXT_CHARACTERS, ColumnMapping
from storage import annotations, documents, label_sets, labels, model_versions, predictions, projects, runs
from storage.engine import Database

if TYPE_CHECKING:
    from lagamc.decision import DocumentResult

__all__ = [
    "ClassificationService",
    "FileJob",
    "pinned_label_set",
]

SHOWN = 5  # of the neighbours of a text


class ClassificationService:
    """Use cases around classification."""

    def __init__(self, database: Database, settings: Settings, label_service: LabelService) -> None:
        self._database = database
        self.answering = Answering(database, settings, label_service)
        self._jobs = FileJobs(settings.data_folder / "classified", self._project_key)

    def classify_text(self, project_id: int, text: str, threshold: float | None = None) -> ClassificationView:
        """Classify a text that is kept nowhere.

        Raises:
            AppError: the text is empty or too long, or the model is of another label set.
            LagamcError: the model folder is damaged, or the threshold is no cosine.
        """
        view = self._classify(project_id, self.answering.source(project_id), text)
        return view if threshold is None else self.decide(view, threshold)

    def classify_document(self, document_id: int, threshold: float | None = None) -> ClassificationView:
        """Classify a document and store the prediction; a threshold of one's own decides only what is returned.

        Raises what `classify_text` does, and NotFound where the document was taken out with its import meanwhile.
        """
        with self._database.read() as session:
            document = documents.get(session, document_id=document_id)
        source = self.answering.source(document.project_id)
        view = self._classify(document.project_id, source, document.text)
        with self._database.write() as session:
            documents.get(session, document_id=document_id, lock=True)
            prediction = predictions.add(
                session,
                document_id=document_id,
                model_version_id=source.model_id,
                label_set_id=pinned_label_set(session, document.project_id, source),
                threshold=view.threshold,
                sentences=stored_sentences(view.result, view.label_ids),
            )
        view = replace(view, prediction_id=prediction.id)
        return view if threshold is None else self.decide(view, threshold)

    def decide(self, view: ClassificationView, threshold: float) -> ClassificationView:
        """The same answer decided at another threshold; nothing is generated, nothing stored."""
        return decided(view, view.result.decide(threshold))

    def current(self, project_id: int, view: ClassificationView) -> ClassificationView:
        """The same answer under the names that its labels have now, those retired meanwhile left out.

        Its neighbours carry the labels that they have now.
        """
        with self._database.read() as session:
            stands = labels.standing(session, label_ids=view.label_ids.values())
        names = {name: stands[key].name for name, key in view.label_ids.items()}
        learnt = {now: name for name, now in view.names.items()}
        changed = replace(
            view,
            neighbours=self._neighbours(project_id, view.model_id, view.result),
            names=names,
            added=tuple(names[learnt[name]] for name in view.added),
            retired=frozenset(label.name for label in stands.values() if label.retired_at is not None),
        )
        return decided(changed, view.result)

    def prepare(self, project_id: int) -> None:
        """Load what answers in a project in the background, because somebody is about to ask it."""
        self.answering.prepare(project_id)

    def classify_file(
        self,
        project_id: int,
        path: Path,
        mapping: ColumnMapping,
        threshold: float | None = None,
        name: str | None = None,
    ) -> str:
        """Begin to classify a file in the background, with what answers now, and return the job's id.

        `name` is what people call the file. Raises AppError when the disk is full, ConfigError for a
        threshold that is no cosine, LabelError where there is nothing to answer with.
        """
        from lagamc.matcher import check_threshold

        if threshold is not None:
            check_threshold(threshold)
        source = self.answering.source(project_id)
        return self._jobs.start(
            path,
            mapping,
            self._stream(source, threshold),
            project_id=project_id,
            name=name or path.name,
            model_name=source.model_name,
            origin=_origin(source, threshold),
        )

    def file_job(self, job_id: str) -> FileJob:
        """How far a job is. Raises AppError for an unknown id."""
        return self._jobs.view(job_id)

    def file_jobs(self, project_id: int) -> list[FileJob]:
        """The last jobs of a project, newest first, those of earlier days included."""
        return self._jobs.listed(project_id)

    def cancel_file_job(self, job_id: str) -> None:
        """Stop a job; what is done stays, and can be downloaded."""
        self._jobs.cancel(job_id)

    def resume_file_job(self, job_id: str) -> None:
        """Go on with a job that was stopped. Raises AppError when something else would answer now."""
        job = self._jobs.view(job_id)
        source, threshold = self.answering.source(job.project_id), job.origin["threshold"]
        self._jobs.resume(job_id, self._stream(source, threshold), _origin(source, threshold))

    def close(self) -> None:
        """Interrupt every job."""
        self._jobs.close()

    def _project_key(self, project_id: int) -> str:
        with self._database.read() as session:
            return f"{project_id} of {projects.get(session, project_id=project_id).created_at.isoformat()}"

    def _stream(self, source: Source, threshold: float | None) -> ClassifyStream:
        def stream(
            texts: Iterable[str], progress: Callable[[int], None], cancelled: Callable[[], bool]
        ) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
            results = self.answering.stream(source, texts, threshold, progress=progress, cancelled=cancelled)
            rows = (sentence_rows(result, source.renamed, source.retired) for result in results)
            return ((given_labels(own), [asdict(row) for row in own]) for own in rows)

        return stream

    def _classify(self, project_id: int, source: Source, text: str) -> ClassificationView:
        text = text.strip()
        if not text:
            raise AppError("There is no text to classify. Paste one, or pick a document.")
        if len(text) > MAX_TEXT_CHARACTERS:
            raise AppError(
                f"The text has {len(text):,} characters; at most {MAX_TEXT_CHARACTERS:,} are taken. Shorten it."
            )
        if reason := unstorable(text):
            raise AppError(f"The text cannot be classified: {reason}. Paste it again.")
        started = time.perf_counter()
        answer = self.answering.answer(source, [text])
        result = answer.results[0]
        view = ClassificationView(
            rows=[],
            neighbours=self._neighbours(project_id, source.model_id, result),
            labels=[],
            threshold=result.threshold,
            model_threshold=result.threshold,
            model_id=source.model_id,
            model_name=source.model_name,
            trained=source.model_id is not None,
            seconds=time.perf_counter() - started,
            prediction_id=None,
            result=result,
            label_ids=answer.label_ids,
            names=answer.names,
            added=tuple(item.name for item in source.added),
            retired=source.retired,
        )
        return decided(view, result)

    def _neighbours(self, project_id: int, model_id: int | None, result: DocumentResult) -> list[NeighbourRow]:
        """The nearest training documents of a result, those that the project still has, with their labels of now."""
        nearest = result.neighbours[:SHOWN]
        if model_id is None or not nearest:
            return []
        with self._database.read() as session:
            run = runs.get(session, run_id=model_versions.get(session, model_id=model_id).run_id)
            found = documents.named(session, project_id=project_id, external_ids=[item.id for item in nearest])
            carried = annotations.label_names(
                session, annotation_ids=[document.annotation_id for document in found.values()]
            )
        return [
            NeighbourRow(document.id, item.id, document.text, carried.get(document.annotation_id or 0, []), item.cosine)
            for item in nearest
            # One that came later has the id of another, which was taken out with its import.
            if (document := found.get(item.id)) is not None and document.created_at <= run.created_at
        ]


def _origin(source: Source, threshold: float | None) -> dict[str, Any]:
    """What decides the results of a file, as it is kept with them."""
    added = {item.name: item.label.description for item in source.added}
    return {
        "model": source.model_id, "label_set": source.label_set_hash, "names": list(source.names), "added": added,
        "retired": sorted(source.retired), "threshold": threshold,
    }  # fmt: skip


def pinned_label_set(session: Session, project_id: int, source: Source) -> int | None:
    """Return the id of the label set that answers; None for that of a model version, which pins its own."""
    if source.model_id is not None and not source.added:
        return None
    known = zip(source.label_ids, source.trained_names, source.description_version_ids, strict=True)
    added = ((item.id, item.name, item.description_version_id) for item in source.added)
    entries = [
        {"label_id": label_id, "name": name, "description_version_id": version_id}
        for label_id, name, version_id in (*known, *added)
    ]
    return label_sets.pin(session, project_id=project_id, pinned=entries).id
