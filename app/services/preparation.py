"""The sentences that the active model writes about a project's documents, stored and embedded in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from app.errors import AppError
from app.services.answer_view import stored_sentences
from app.services.background import ProjectThreads
from app.services.classification import pinned_label_set
from app.services.measuring import BREATHER_SECONDS, CHUNK, Measure, Measuring
from app.services.vectors import Vectors
from lagamc.descriptions.impact import Evidence
from lagamc.errors import LagamcError
from storage import documents, evidence, predictions
from storage.engine import Database
from storage.errors import StorageError
from storage.models import SplitName

if TYPE_CHECKING:
    from app.services.answering import Answering

__all__ = ["LOOKED_AT", "Preparation", "PreparationView", "Stored"]

LOOKED_AT = (SplitName.TRAIN, SplitName.DEV, SplitName.UNASSIGNED)  # no wording is fitted to the test documents
SAVED = 128 * CHUNK  # texts after which vectors go to disk, whatever comes of the rest
KEPT_PROJECTS = 3  # in memory; 50,000 documents take 77 MB

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparationView:
    """How far a project is; `done` and `total` count documents."""

    status: Literal["missing", "running", "ready", "failed", "cancelled"]
    done: int
    total: int
    model_name: str
    trained: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """N documents by id with their embeddings (N, D), and the sentences written about them.

    `unwritten` are (row of a document, label id) that the model gives by probability alone.
    """

    document_ids: tuple[int, ...]
    documents: np.ndarray
    sentences: tuple[str, ...]  # distinct ones
    evidence: Evidence
    unwritten: tuple[tuple[int, int], ...]


class Preparation:
    """One thread a project; what it made is kept in memory, predictions and vectors on disk."""

    def __init__(self, database: Database, answering: Answering, measuring: Measuring, vectors: Vectors) -> None:
        self._database = database
        self._answering = answering
        self._measuring = measuring
        self._vectors = vectors
        self._views: dict[int, PreparationView] = {}
        self._stored: dict[int, tuple[str, Stored]] = {}
        self._threads = ProjectThreads("what-if")
        self._starting = threading.Lock()

    def start(self, project_id: int) -> PreparationView:
        """Begin, unless it is done or under way. Without a trained model only the documents are embedded."""
        with self._starting:  # also while a model is loaded, for which a second caller would have to wait anyway
            view = self.view(project_id)
            if view.status in {"running", "ready"}:
                return view
            measure = self._measuring.of(project_id)
            self._views[project_id] = replace(view, status="running", done=0, error="")
            self._threads.start(project_id, lambda: self._guarded(project_id, measure))
            return self._views[project_id]

    def view(self, project_id: int) -> PreparationView:
        """How far a project is."""
        if (running := self.running(project_id)) is not None:
            return running
        measure, view = self._measuring.of(project_id), self._views.get(project_id)
        trained = measure.model_id is not None
        with self._database.read() as session:
            total = len(evidence.document_ids(session, project_id=project_id, splits=LOOKED_AT))
        if self.stored(project_id, measure) is not None:
            return PreparationView("ready", total, total, measure.model_name, trained)
        if view is not None and view.status in {"failed", "cancelled"} and view.model_name == measure.model_name:
            return view
        return PreparationView("missing", 0, total, measure.model_name, trained)

    def running(self, project_id: int) -> PreparationView | None:
        """How far a project is whose preparation is under way, else None; no model is loaded for that."""
        view = self._views.get(project_id)
        return view if view is not None and view.status == "running" else None

    def stored(self, project_id: int, measure: Measure) -> Stored | None:
        """What the present model said about the present documents; None where some of it is missing."""
        found = self._stored.get(project_id)
        if found is None or found[0] != measure.key:
            return None
        with self._database.read() as session:
            ids = evidence.document_ids(session, project_id=project_id, splits=LOOKED_AT)
        return found[1] if tuple(ids) == found[1].document_ids else None

    def cancel(self, project_id: int) -> None:
        """Stop after the documents in hand; what is stored stays."""
        self._threads.cancel(project_id)

    def close(self) -> None:
        """Stop everything and wait for its end."""
        self._threads.close()

    def _guarded(self, project_id: int, measure: Measure) -> None:
        try:
            self._run(project_id, measure)
        except (LagamcError, AppError, StorageError) as error:
            self._update(project_id, status="failed", error=str(error))
        except OSError as error:
            self._update(project_id, status="failed", error=f"The vectors cannot be kept: {error}. Free some space.")
        except Exception:
            logger.exception("The preparation of project %s failed.", project_id)
            self._update(project_id, status="failed", error="Unexpected error; the app's log has the details.")

    def _update(self, project_id: int, **changes: object) -> None:
        self._views[project_id] = replace(self._views[project_id], **changes)

    def _run(self, project_id: int, measure: Measure) -> None:
        with self._database.read() as session:
            ids = evidence.document_ids(session, project_id=project_id, splits=LOOKED_AT)
            texts = evidence.texts(session, ids=ids)
        self._update(project_id, total=len(ids) * (2 if measure.model_id else 1))
        said: Sequence[tuple[int, str]] = ()
        unwritten: Sequence[tuple[int, int]] = ()
        if measure.model_id is not None:
            if not self._predict(project_id, measure, len(ids)):
                return
            with self._database.read() as session:
                asked = {"project_id": project_id, "model_version_id": measure.model_id}
                said, unwritten = evidence.sentences(session, **asked), evidence.unwritten(session, **asked)
        sentences = tuple(dict.fromkeys(text for _, text in said))
        rows = self._embedded(project_id, measure, [texts[key][1] for key in ids], counted=True)
        sentence_rows = self._embedded(project_id, measure, sentences, counted=False)
        if rows is None or sentence_rows is None:
            return
        places = {key: place for place, key in enumerate(ids)}
        numbers = {text: number for number, text in enumerate(sentences)}
        kept = [(places[key], numbers[text]) for key, text in said if key in places]
        pairs = np.array(kept, dtype=np.intp).reshape(-1, 2)
        found = Evidence(sentence_rows, pairs[:, 0], pairs[:, 1], len(ids))
        given = tuple((places[key], label_id) for key, label_id in unwritten if key in places)
        self._stored.pop(project_id, None)
        self._stored[project_id] = measure.key, Stored(tuple(ids), rows, sentences, found, given)
        while len(self._stored) > KEPT_PROJECTS:  # the others are read from disk again
            self._stored.pop(next(iter(self._stored)), None)
        self._update(project_id, status="ready")

    def _predict(self, project_id: int, measure: Measure, total: int) -> bool:
        """Store what the model says about documents that it has not seen; false where it was cancelled."""
        source, model_id = measure.source, measure.model_id
        if source is None or model_id is None:
            return True
        options = {"project_id": project_id, "model_version_id": model_id, "splits": LOOKED_AT}
        with self._database.read() as session:
            left = evidence.unpredicted_total(session, **options)
        last = 0
        while not self._threads.cancelled(project_id):
            self._update(project_id, done=total - left)
            with self._database.read() as session:
                chunk = evidence.unpredicted(session, **options, limit=CHUNK, after_id=last)
            if not chunk:
                return True
            answer = self._answering.answer(source, [document.text for document in chunk])
            with self._database.write() as session:
                label_set_id = pinned_label_set(session, project_id, source)
                there = documents.present(session, ids=[document.id for document in chunk])
                for document, result in zip(chunk, answer.results, strict=True):
                    if document.id not in there:  # taken out with its import meanwhile
                        continue
                    predictions.add(
                        session,
                        document_id=document.id,
                        model_version_id=model_id,
                        label_set_id=label_set_id,
                        threshold=result.threshold,
                        sentences=stored_sentences(result, answer.label_ids),
                    )
            last, left = chunk[-1].id, max(0, left - len(chunk))  # some may have been imported since
            time.sleep(BREATHER_SECONDS)
        self._update(project_id, status="cancelled")
        return False

    def _embedded(self, project_id: int, measure: Measure, texts: Sequence[str], *, counted: bool) -> np.ndarray | None:
        """(N, D) vectors, from disk where they are there; None where it was cancelled."""
        known = self._vectors.load(measure.key)
        digests = [Vectors.digest(text) for text in texts]
        missing = [text for text, digest in zip(texts, digests, strict=True) if digest not in known]
        before = self._views[project_id].done
        for start in range(0, len(missing), SAVED):
            new: dict[str, np.ndarray] = {}
            try:
                for place in range(start, min(start + SAVED, len(missing)), CHUNK):
                    if self._threads.cancelled(project_id):
                        break
                    chunk = missing[place : place + CHUNK]
                    new.update(zip(chunk, self._measuring.fresh(measure, chunk), strict=True))
                    if counted:
                        self._update(project_id, done=before + len(texts) - len(missing) + place + len(chunk))
                    time.sleep(BREATHER_SECONDS)
            finally:
                if new:
                    self._vectors.add(measure.key, list(new), np.stack(list(new.values())))
            known |= {Vectors.digest(text): row for text, row in new.items()}
        if any(digest not in known for digest in digests):
            self._update(project_id, status="cancelled")
            return None
        if counted:
            self._update(project_id, done=before + len(texts))
        return np.stack([known[digest] for digest in digests]) if texts else np.zeros((0, 1), dtype=np.float32)
