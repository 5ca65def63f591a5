"""How the model of a project sees a text: its embedding, its tokens, its separator and its threshold."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.services.loading import LOADING
from app.services.vectors import Vectors
from storage import model_versions
from storage.engine import Database

if TYPE_CHECKING:
    from app.services.answering import Answering, Source
    from lagamc.encoder import SentenceEncoder

__all__ = ["BREATHER_SECONDS", "CHUNK", "UNTRAINED_KEY", "Measure", "Measuring"]

UNTRAINED_KEY = "minilm"
UNTRAINED_SEPARATOR = "[unused0]"
UNTRAINED_THRESHOLD = 0.4  # the paper's (section 8.5): what a trained model will start with
CHUNK = 32  # texts between which a person who waits for the model gets it
BREATHER_SECONDS = 0.01  # between chunks
REMEMBERED = 40_000  # texts, 384 float32 each: 61 MB


@dataclass(frozen=True, slots=True)
class Measure:
    """What measures a project's texts. `key` names the encoder, so that its vectors can be kept."""

    key: str
    model_name: str
    model_id: int | None
    separator: str
    threshold: float
    source: Source | None


class Measuring:
    """Embeds texts with the active model's encoder, or the built-in one; each text once."""

    def __init__(self, database: Database, answering: Answering) -> None:
        self._database = database
        self._answering = answering
        self._lock = threading.Lock()
        self._using = threading.Lock()  # of the built-in encoder: its tokenizer pads, or not, as the last call had it
        self._encoder: SentenceEncoder | None = None
        self._known: OrderedDict[tuple[str, bytes], np.ndarray] = OrderedDict()
        self._facts: dict[str, tuple[str, float]] = {}

    def of(self, project_id: int) -> Measure:
        """The measure of a project as it is now. Raises what loading a model does."""
        source = self._answering.trained(project_id)
        if source is None or source.model_id is None:
            return Measure(UNTRAINED_KEY, "untrained encoder", None, UNTRAINED_SEPARATOR, UNTRAINED_THRESHOLD, None)
        with self._database.read() as session:
            version = model_versions.get(session, model_id=source.model_id)
        key = f"model-{version.id}-{version.created_at:%Y%m%dT%H%M%S%f}"  # another database has a model of this id too
        if key not in self._facts:
            self._facts[key] = self._answering.with_model(source, lambda model: (model.separator, model.threshold))
        separator, threshold = self._facts[key]
        return Measure(key, source.model_name, version.id, separator, threshold, source)

    def embed(self, measure: Measure, texts: Sequence[str]) -> np.ndarray:
        """(N, D) unit vectors of N texts, in order; however many they are, they keep nobody from the model for long."""
        with self._lock:
            found = ((text, self._known.get((measure.key, Vectors.digest(text)))) for text in texts)
            known = {text: row for text, row in found if row is not None}
        missing = sorted((text for text in dict.fromkeys(texts) if text not in known), key=len)  # little padding
        for start in range(0, len(missing), CHUNK):
            if start:
                time.sleep(BREATHER_SECONDS)
            chunk = missing[start : start + CHUNK]
            rows = self.fresh(measure, chunk)
            self._remember(measure.key, chunk, rows)
            known |= zip(chunk, rows, strict=True)
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 1), dtype=np.float32)

    def embed_of(self, project_id: int, texts: Sequence[str]) -> np.ndarray:
        """(N, D) unit vectors of N texts by what measures a project now, in order."""
        return self.embed(self.of(project_id), texts)

    def fresh(self, measure: Measure, texts: Sequence[str]) -> np.ndarray:
        """The same, made anew and not remembered."""
        if measure.source is None:
            with self._built_in() as encoder:
                return encoder.encode(texts).numpy()
        return self._answering.with_model(measure.source, lambda model: model.embed(texts))

    def count_tokens(self, measure: Measure, text: str) -> int:
        """Tokens of a text for the model."""
        if measure.source is None:
            with self._built_in() as encoder:
                return encoder.count_tokens(text)
        return self._answering.with_model(measure.source, lambda model: model.count_tokens(text))

    def _remember(self, key: str, texts: Sequence[str], rows: np.ndarray) -> None:
        with self._lock:
            for text, row in zip(texts, rows, strict=True):
                self._known[key, Vectors.digest(text)] = row
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    @contextmanager
    def _built_in(self) -> Iterator[SentenceEncoder]:
        """The built-in encoder, for one thread at a time."""
        with self._using:
            if self._encoder is None:
                with LOADING:
                    from lagamc.encoder import SentenceEncoder

                    self._encoder = SentenceEncoder.load()
            yield self._encoder
