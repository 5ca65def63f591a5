"""Who answers in a project, and the few loaded classifiers that do it, one inference at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import AppError
from app.services.labels import LabelService
from app.settings import Settings
from lagamc.labels import LabelSet
from storage import labels, model_versions
from storage.engine import Database

if TYPE_CHECKING:
    from lagamc.classifier import Classifier, DocumentResult, UntrainedClassifier

__all__ = ["Answer", "Answering", "Source"]

WARM_CLASSIFIERS = 2
UNTRAINED = "untrained encoder"


@dataclass(frozen=True, slots=True)
class Source:
    """What answers in a project: a model version in its folder, or the encoder with the present label set."""

    model_id: int | None
    model_name: str
    content: Path | LabelSet
    label_set_hash: str
    label_ids: tuple[int, ...]  # by position in the label set
    names: tuple[str, ...]  # the present ones, likewise


@dataclass(frozen=True, slots=True)
class Answer:
    """Results under the model's own label names, and what these names stand for now."""

    results: list[DocumentResult]
    label_ids: dict[str, int]
    names: dict[str, str]


class Answering:
    """Keeps at most two classifiers in memory, the last used ones."""

    def __init__(self, database: Database, settings: Settings, label_service: LabelService) -> None:
        self._database = database
        self._settings = settings
        self._labels = label_service
        self._lock = threading.Lock()
        self._warm: OrderedDict[tuple[int | None, str], Classifier | UntrainedClassifier] = OrderedDict()

    def source(self, project_id: int) -> Source:
        """The active version, or the untrained encoder. Raises LabelError where that has no label set."""
        with self._database.read() as session:
            version = model_versions.active(session, project_id=project_id)
            if version is not None:
                ids = tuple(entry["label_id"] for entry in version.labels)
                now = labels.names(session, label_ids=ids)
                return Source(
                    model_id=version.id,
                    model_name=f"v{version.number} · {version.backbone}",
                    content=self._settings.data_folder / version.folder,
                    label_set_hash=version.label_set_hash,
                    label_ids=ids,
                    names=tuple(now[label_id] for label_id in ids),
                )
        current = self._labels.label_set(project_id)
        label_set = current.label_set
        return Source(None, UNTRAINED, label_set, label_set.hash, current.label_ids, label_set.names)

    def answer(self, source: Source, texts: Sequence[str], threshold: float | None) -> Answer:
        """Classify texts, loading the classifier where it is not warm; a second caller waits for the first.

        Raises:
            AppError: the model in the folder was trained on another label set than the version's.
            LagamcError: the folder is damaged, or the threshold is no cosine.
        """
        with self._lock:
            classifier = self._classifier(source)
            results = classifier.classify(texts, threshold=threshold)
        trained_names = classifier.label_set.names
        return Answer(
            results,
            label_ids=dict(zip(trained_names, source.label_ids, strict=True)),
            names=dict(zip(trained_names, source.names, strict=True)),
        )

    def _classifier(self, source: Source) -> Classifier | UntrainedClassifier:
        key = (source.model_id, source.label_set_hash)
        if key not in self._warm:
            while len(self._warm) >= WARM_CLASSIFIERS:
                self._warm.popitem(last=False)
            self._warm[key] = self._loaded(source)
        self._warm.move_to_end(key)
        return self._warm[key]

    def _loaded(self, source: Source) -> Classifier | UntrainedClassifier:
        from lagamc.classifier import Classifier, UntrainedClassifier

        if isinstance(source.content, LabelSet):
            return UntrainedClassifier(source.content, device=self._settings.device)
        classifier = Classifier.load(source.content, device=self._settings.device)
        if classifier.label_set.hash != source.label_set_hash:
            raise AppError(
                f"The model in {source.content} was trained on another label set than {source.model_name}. "
                "Put the right folder back, or train again."
            )
        return classifier
