"""Who answers in a project, and the loaded classifiers that do it, one batch at a time."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from app.errors import AppError
from app.services.labels import LabelService
from app.services.loading import LOADING
from app.settings import Settings
from lagamc.errors import LagamcError
from lagamc.labels import Label, LabelSet
from storage import labels, model_versions
from storage.engine import Database
from storage.errors import StorageError

if TYPE_CHECKING:
    from sqlmodel import Session

    from lagamc.classifier import Classifier
    from lagamc.decision import DocumentResult
    from lagamc.loaded import LoadedClassifier
    from storage.models import ModelVersion

__all__ = ["UNTRAINED", "AddedLabel", "Answer", "Answering", "Source"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
UNTRAINED = "untrained encoder"
STREAM_BATCH = 16  # documents of a file between which a person who waits gets an answer
STREAM_CHUNK = 256  # documents of a file in memory at most; those are done again after a stop
BREATHER_SECONDS = 0.005

Key = tuple[int | None, str]


@dataclass(frozen=True, slots=True)
class AddedLabel:
    """A label that a model version did not learn; `label` has a name that none of those that it learnt has."""

    id: int
    name: str
    label: Label
    description_version_id: int


@dataclass(frozen=True, slots=True)
class Source:
    """What answers in a project: a model version in its folder, or the encoder with the present label set."""

    model_id: int | None
    model_name: str
    content: Path | LabelSet
    label_set_hash: str
    label_ids: tuple[int, ...]  # by position in the label set
    names: tuple[str, ...]  # the present ones, likewise; of a merged label, the surviving one's
    trained_names: tuple[str, ...]  # the ones that the model learnt
    description_version_ids: tuple[int, ...]  # likewise, as the model learnt them; of the encoder the present ones
    added: tuple[AddedLabel, ...] = ()  # since the model version was trained
    retired: frozenset[str] = frozenset()  # of the present names, those of labels that are not given any more

    @property
    def renamed(self) -> dict[str, str]:
        """{name in results: name now}."""
        now = dict(zip(self.trained_names, self.names, strict=True))
        return now | {item.label.name: item.name for item in self.added}

    @property
    def ids(self) -> dict[str, int]:
        """{name in results: label id}."""
        known = dict(zip(self.trained_names, self.label_ids, strict=True))
        return known | {item.label.name: item.id for item in self.added}


@dataclass(frozen=True, slots=True)
class Answer:
    """Results under the model's own label names, and what these names stand for now."""

    results: list[DocumentResult]
    label_ids: dict[str, int]
    names: dict[str, str]


class Answering:
    """Keeps classifiers in memory, the last used ones, as many as `settings.model_megabytes` holds."""

    def __init__(self, database: Database, settings: Settings, label_service: LabelService) -> None:
        self._database = database
        self._settings = settings
        self._labels = label_service
        self._lock = threading.Lock()
        self._warm: OrderedDict[Key, LoadedClassifier] = OrderedDict()
        self._widened: dict[Key, tuple[tuple[AddedLabel, ...], Classifier]] = {}  # warm ones with labels added since
        self._busy: Counter[Key] = Counter()  # streams that go on, by classifier
        self._counting = threading.RLock()  # of those; a forgotten stream may end in any thread, at any point

    def source(self, project_id: int) -> Source:
        """The active version, or the untrained encoder. Raises LabelError where that has no label set."""
        if (trained := self.trained(project_id)) is not None:
            return trained
        current = self._labels.label_set(project_id)
        label_set = current.label_set
        return Source(
            model_id=None,
            model_name=UNTRAINED,
            content=label_set,
            label_set_hash=label_set.hash,
            label_ids=current.label_ids,
            names=label_set.names,
            trained_names=label_set.names,
            description_version_ids=current.description_version_ids,
        )

    def trained(self, project_id: int) -> Source | None:
        """The active version, if there is one."""
        with self._database.read() as session:
            version = model_versions.active(session, project_id=project_id)
            if version is None:
                return None
            ids = tuple(entry["label_id"] for entry in version.labels)
            now = labels.standing(session, label_ids=ids)
            learnt = tuple(entry["name"] for entry in version.labels)
            return Source(
                model_id=version.id,
                model_name=version.title,
                content=self._settings.data_folder / version.folder,
                label_set_hash=version.label_set_hash,
                label_ids=ids,
                names=tuple(now[label_id].name for label_id in ids),
                trained_names=learnt,
                description_version_ids=tuple(entry["description_version_id"] for entry in version.labels),
                added=_added(session, version, taken=learnt),
                retired=frozenset(label.name for label in now.values() if label.retired_at is not None),
            )

    def answer(self, source: Source, texts: Sequence[str]) -> Answer:
        """Classify texts, loading the classifier where it is not warm; a second caller waits for the first.

        Raises:
            AppError: the model in the folder was trained on another label set than the version's.
            LagamcError: the folder is damaged.
        """
        with self._lock:
            results = self._with_added(source).classify(texts)
        return Answer(results, label_ids=source.ids, names=source.renamed)

    def stream(
        self,
        source: Source,
        texts: Iterable[str],
        threshold: float | None,
        *,
        progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[DocumentResult]:
        """Classify any number of texts, giving way to `answer` between batches. Raises what that does."""
        key = _key(source)
        with self._lock:
            classifier = self._with_added(source)
            with self._counting:
                self._busy[key] += 1
        try:
            yield from classifier.stream(
                texts,
                threshold=threshold,
                batch_size=STREAM_BATCH,
                chunk=STREAM_CHUNK,
                progress=progress,
                cancelled=cancelled,
                turn=_GivingWay(self._lock),
            )
        finally:
            with self._counting:
                self._busy[key] -= 1

    def prepare(self, project_id: int) -> None:
        """Load what answers in a project, so that the first text need not wait for it; runs in a thread."""

        def load() -> None:
            try:
                source = self.source(project_id)
                with self._lock:
                    self._with_added(source)
            except (AppError, LagamcError, StorageError) as error:
                logger.info("Nothing is loaded ahead: %s", error)  # who classifies is told

        threading.Thread(target=load, name=f"load-{project_id}", daemon=True).start()

    @property
    def megabytes(self) -> float:
        """Memory of the loaded models, in MB."""
        from lagamc.loaded import megabytes

        return megabytes([*self._warm.values(), *(widened for _, widened in self._widened.values())])

    def with_model(self, source: Source, work: Callable[[Classifier], T]) -> T:
        """Let `work` have the trained classifier of a source to itself, without labels added since.

        Raises what `answer` does.
        """
        with self._lock:
            return work(cast("Classifier", self._classifier(source)))

    def _with_added(self, source: Source) -> LoadedClassifier:
        """The classifier of a source; its model also knows the descriptions of labels that were added since."""
        classifier, key = self._classifier(source), _key(source)
        if not source.added:
            return classifier
        if key not in self._widened or self._widened[key][0] != source.added:
            widened = cast("Classifier", classifier).with_labels(item.label for item in source.added)
            self._widened[key] = source.added, widened
        return self._widened[key][1]

    def _classifier(self, source: Source) -> LoadedClassifier:
        key = _key(source)
        if key not in self._warm:
            with LOADING:
                self._make_room(_file_megabytes(source.content), keep=key)
                self._warm[key] = self._loaded(source)
                self._make_room(0.0, keep=key)
        self._warm.move_to_end(key)
        return self._warm[key]

    def _make_room(self, coming: float, *, keep: Key) -> None:
        """Let go of the classifiers that were used longest ago until `coming` MB more have room."""
        for key in list(self._warm):
            if self.megabytes + coming <= self._settings.model_megabytes:
                return
            if key != keep and not self._busy[key]:
                del self._warm[key]
                self._widened.pop(key, None)

    def _loaded(self, source: Source) -> LoadedClassifier:
        from lagamc.classifier import Classifier
        from lagamc.untrained import UntrainedClassifier

        if isinstance(source.content, LabelSet):
            like = (warm for warm in reversed(self._warm.values()) if isinstance(warm, UntrainedClassifier))
            return UntrainedClassifier(source.content, like=next(like, None), device=self._settings.device)
        trained = Classifier.load(source.content, device=self._settings.device, precision=self._settings.precision)
        if trained.label_set.hash != source.label_set_hash:
            raise AppError(
                f"The model in {source.content} was trained on another label set than {source.model_name}. "
                "Put the right folder back, or train again."
            )
        return trained


class _GivingWay(contextlib.AbstractContextManager[None]):
    """A lock that rests after each use, so that whoever waits for it gets it next."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        time.sleep(BREATHER_SECONDS)


def _added(session: Session, version: ModelVersion, *, taken: Sequence[str]) -> tuple[AddedLabel, ...]:
    """The described labels in use that a model version did not learn, under names that are not `taken`."""
    found = []
    for label, description in labels.added_since(session, project_id=version.project_id, pinned=version.labels):
        name = label.name if label.name not in taken else f"{label.name} (label {label.id})"
        found.append(AddedLabel(label.id, label.name, Label(name, description.text), description.id))
    return tuple(found)


def _key(source: Source) -> Key:
    return source.model_id, source.label_set_hash


def _file_megabytes(content: Path | LabelSet) -> float:
    """What the weights of a model folder take on disk, which is about what they take in memory."""
    if isinstance(content, LabelSet):
        return 0.0  # the encoder is small, and shared
    return sum(path.stat().st_size for path in content.rglob("*.safetensors")) / 1024 / 1024
