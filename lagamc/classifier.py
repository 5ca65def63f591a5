"""From text to labels: generated sentences, their nearest labels, and the decision."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lagamc.backbone import Backbone
from lagamc.backbones import load_backbone
from lagamc.checkpoint import verify_model_folder
from lagamc.config import TrainingConfig
from lagamc.encoder import SentenceEncoder
from lagamc.generation import Progress, generate
from lagamc.labels import LabelSet
from lagamc.matcher import Match, Matcher, check_threshold
from lagamc.precision import chosen_device

__all__ = ["Classifier", "DocumentResult", "Match", "SentenceResult", "UntrainedClassifier"]


@dataclass(frozen=True, slots=True)
class SentenceResult:
    """One sentence, its nearest label, and whether the cosine was too low to assign it."""

    text: str
    match: Match
    log_probability: float | None  # mean a token; None where nothing was generated
    abstained: bool


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """Evidence and decision for one document. `labels` are unique, in the order of the sentences."""

    text: str
    sentences: tuple[SentenceResult, ...]
    labels: tuple[str, ...]
    threshold: float

    def decide(self, threshold: float) -> DocumentResult:
        """Decide again at another threshold; nothing is generated. Raises ConfigError outside [-1, 1]."""
        return _decided(self.text, self.sentences, check_threshold(threshold))


def _decided(text: str, sentences: Iterable[SentenceResult], threshold: float) -> DocumentResult:
    judged = tuple(dataclasses.replace(item, abstained=item.match.cosine < threshold) for item in sentences)
    labels = tuple(dict.fromkeys(item.match.label for item in judged if not item.abstained))
    return DocumentResult(text, judged, labels, threshold)


class Classifier:
    """A trained model with its label set."""

    def __init__(self, backbone: Backbone, label_set: LabelSet, *, max_new_tokens: int, threshold: float = 0.4) -> None:
        self.backbone = backbone
        self.label_set = label_set
        self.threshold = check_threshold(threshold)
        self._max_new_tokens = max_new_tokens
        self._descriptions = backbone.encoder.encode(label_set.descriptions)  # (L, D)
        own = backbone.matching_encoder is backbone.encoder
        compared = self._descriptions if own else backbone.matching_encoder.encode(label_set.descriptions)
        self._matcher = Matcher(label_set.names, compared.numpy())

    @classmethod
    def load(cls, model_folder: Path, *, device: str = "auto") -> Classifier:
        """Load a model folder that a training run wrote.

        Raises:
            CheckpointError: a file is missing, changed, or of another label set.
            BackboneError: the pretrained model underneath cannot be found.
        """
        manifest, label_set = verify_model_folder(model_folder)
        backbone = load_backbone(model_folder, TrainingConfig.from_dict(manifest.config), label_set)
        backbone.to(chosen_device(device)).eval()
        return cls(backbone, label_set, max_new_tokens=manifest.max_new_tokens, threshold=manifest.threshold)

    def classify(
        self, texts: Sequence[str], *, threshold: float | None = None, batch_size: int = 32,
        progress: Progress | None = None, cancelled: Callable[[], bool] | None = None,
    ) -> list[DocumentResult]:  # fmt: skip
        """Classify documents, in order.

        Raises:
            ConfigError: the threshold is no cosine.
            Cancelled: `cancelled` returned true.
        """
        threshold = self.threshold if threshold is None else check_threshold(threshold)
        written = generate(
            self.backbone, texts, self._descriptions, max_new_tokens=self._max_new_tokens, batch_size=batch_size,
            progress=progress, cancelled=cancelled,
        )  # fmt: skip
        unique = sorted({sentence.text for document in written for sentence in document.sentences})
        matches = dict(zip(unique, self._match(unique), strict=True))
        return [
            _decided(
                text,
                [SentenceResult(s.text, matches[s.text], s.log_probability, False) for s in document.sentences],
                threshold,
            )
            for text, document in zip(texts, written, strict=True)
        ]

    def _match(self, sentences: Sequence[str]) -> list[Match]:
        return self._matcher.match(self.backbone.matching_encoder.encode(sentences).numpy()) if sentences else []


class UntrainedClassifier:
    """Before anything is trained: the frozen encoder compares the document with every description.

    Each sentence of a result is a stored description, nearest first, and its match says how near the
    document lies; the runner-up is the next one.
    """

    SHOWN = 5

    def __init__(self, label_set: LabelSet, *, device: str = "auto") -> None:
        self.label_set = label_set
        self.threshold = 0.25
        self._encoder = SentenceEncoder.load().to(chosen_device(device)).eval()
        self._descriptions = self._encoder.encode(label_set.descriptions)  # (L, D)

    def classify(
        self, texts: Sequence[str], *, threshold: float | None = None,
        progress: Progress | None = None, cancelled: Callable[[], bool] | None = None,
    ) -> list[DocumentResult]:  # fmt: skip
        """Classify documents, in order; labels are the descriptions above the threshold.

        Raises:
            ConfigError: the threshold is no cosine.
        """
        threshold = self.threshold if threshold is None else check_threshold(threshold)
        if not texts:
            return []
        cosines = (self._encoder.encode(texts) @ self._descriptions.T).clamp(-1, 1)  # (N, L)
        results = [
            _decided(text, self._ranked(row.tolist()), threshold) for text, row in zip(texts, cosines, strict=True)
        ]
        if progress is not None:
            progress(len(texts), len(texts))
        return results

    def _ranked(self, cosines: Sequence[float]) -> list[SentenceResult]:
        order = sorted(range(len(cosines)), key=lambda label: -cosines[label])
        ranked = []
        for label, following in zip(order[: self.SHOWN], [*order[1:], None], strict=False):
            name, cosine = self.label_set.names[label], cosines[label]
            match = Match(name, cosine, None, None, None)
            if following is not None:
                runner_up = cosines[following]
                match = Match(name, cosine, self.label_set.names[following], runner_up, cosine - runner_up)
            ranked.append(SentenceResult(self.label_set.descriptions[label], match, None, False))
        return ranked
