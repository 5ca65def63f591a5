"""From text to labels: generated sentences, their nearest labels, and the decision."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from lagamc.backbone import Backbone
from lagamc.backbones import load_backbone
from lagamc.checkpoint import verify_model_folder
from lagamc.config import TrainingConfig
from lagamc.decision import WRITTEN_ONLY, DecisionRule, DocumentResult, SentenceResult, judged
from lagamc.encoder import SentenceEncoder
from lagamc.generation import Generated, generate
from lagamc.labels import LabelSet
from lagamc.matcher import Match, Matcher, Matching, check_threshold
from lagamc.precision import chosen_device
from lagamc.prepacked import PrepackedLinear
from lagamc.streaming import CHUNK, Advance, Progress, answered

__all__ = ["Classifier", "UntrainedClassifier", "megabytes"]


class Classifier:
    """A trained model with its label set. It is not to be used by two threads at a time.

    Args:
        backbone: the model.
        label_set: in target order.
        max_new_tokens: where a text that does not end is cut.
        threshold: the cosine below which a sentence is abstained.
        matching: exact, or approximate for very many labels.
        constrained: as `lagamc.generation.generate` has it.
        rule: which labels follow from what was written and from their probabilities.
        embeddings: what `Backbone.embed_descriptions` gave for this label set; by default they are embedded here.
    """

    REMEMBERED = 10_000  # sentences whose match is kept; a model writes the same ones again and again

    def __init__(
        self, backbone: Backbone, label_set: LabelSet, *, max_new_tokens: int, threshold: float = 0.4,
        matching: Matching = "exact", constrained: bool = False, rule: DecisionRule = WRITTEN_ONLY,
        embeddings: Mapping[str, Tensor] | None = None,
    ) -> None:  # fmt: skip
        embeddings = embeddings or backbone.embed_descriptions(label_set.descriptions)
        self.backbone = backbone
        self.label_set = label_set
        self.threshold = check_threshold(threshold)
        self.rule = rule
        self._max_new_tokens = max_new_tokens
        self._constrained = constrained
        self._descriptions = embeddings["trained"]  # (L, D)
        self._compared = embeddings.get("matching", self._descriptions)  # (L, D')
        self._matcher = Matcher(label_set.names, self._compared.numpy(), matching=matching)
        self._rows = {text: row for row, text in enumerate(label_set.descriptions)}
        self._matches: dict[str, Match] = {}

    @classmethod
    def load(
        cls, model_folder: Path, *, device: str = "auto", matching: Matching = "exact", constrained: bool = False
    ) -> Classifier:
        """Load a model folder that a training run wrote; `constrained` as `lagamc.generation.generate` has it.

        Raises:
            CheckpointError: a file is missing, changed, or of another label set.
            BackboneError: the pretrained model underneath cannot be found.
            ConfigError: the package that approximate matching needs is missing.
        """
        manifest, label_set = verify_model_folder(model_folder)
        config = dataclasses.replace(TrainingConfig.from_dict(manifest.config), device=device)  # not that of training
        backbone = load_backbone(model_folder, config, label_set)
        backbone.to(chosen_device(device)).eval()
        backbone.prepack()
        return cls(
            backbone, label_set, max_new_tokens=manifest.max_new_tokens, threshold=manifest.threshold,
            matching=matching, constrained=constrained, rule=DecisionRule(**manifest.rule),
            embeddings=load_file(model_folder / "descriptions.safetensors"),
        )  # fmt: skip

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of everything that takes memory by where it lies: weights and the descriptions' embeddings."""
        return {
            **_sizes(self.backbone), **_sizes(self.backbone.matching_encoder),
            **{embeddings.data_ptr(): embeddings.nbytes for embeddings in (self._descriptions, self._compared)},
        }  # fmt: skip

    def classify(
        self, texts: Sequence[str], *, threshold: float | None = None, batch_size: int = 32,
        progress: Progress | None = None, cancelled: Callable[[], bool] | None = None,
    ) -> list[DocumentResult]:  # fmt: skip
        """Classify documents, in order.

        Raises:
            ConfigError: the threshold is no cosine.
            Cancelled: `cancelled` returned true.
        """
        stream = self.stream(
            texts, threshold=threshold, batch_size=batch_size, chunk=max(CHUNK, len(texts)), cancelled=cancelled,
            progress=None if progress is None else lambda done: progress(done, len(texts)),
        )  # fmt: skip
        return list(stream)

    def stream(
        self, texts: Iterable[str], *, threshold: float | None = None, batch_size: int = 32, chunk: int = CHUNK,
        progress: Advance | None = None, cancelled: Callable[[], bool] | None = None,
        turn: contextlib.AbstractContextManager[object] | None = None,
    ) -> Iterator[DocumentResult]:  # fmt: skip
        """Classify any number of documents, in order, in memory for a chunk of them; see `answered`.

        Raises:
            ConfigError: the threshold is no cosine.
            Cancelled: `cancelled` returned true, while the iterator was advanced.
        """
        decided = self.threshold if threshold is None else check_threshold(threshold)
        return answered(
            texts, lambda batch: self._answer(batch, decided), batch_size=batch_size, chunk=chunk,
            progress=progress, cancelled=cancelled, turn=turn,
        )  # fmt: skip

    def _answer(self, texts: Sequence[str], threshold: float) -> list[DocumentResult]:
        written = generate(
            self.backbone, texts, self._descriptions, max_new_tokens=self._max_new_tokens, batch_size=len(texts),
            constrained=self._constrained,
        )  # fmt: skip
        matches = self._matched(sentence.text for document in written for sentence in document.sentences)
        return [
            judged(text, self._evidence(document, matches), threshold, self.rule)
            for text, document in zip(texts, written, strict=True)
        ]

    def _evidence(self, document: Generated, matches: Mapping[str, Match]) -> Iterator[SentenceResult]:
        """What was written, and then the labels that were not but are probable enough, the most probable first."""
        probabilities = _sigmoid(document.log_odds)
        said = set()
        for sentence in document.sentences:
            match = matches[sentence.text]
            said.add(label := self.label_set.index(match.label))
            probability = float(probabilities[label])
            yield SentenceResult(sentence.text, match, sentence.log_probability, False, probability)
        probable = np.flatnonzero(probabilities > self.rule.unwritten)
        for label in sorted(set(probable.tolist()) - said, key=lambda label: -probabilities[label]):
            cosine = float(self.backbone.scorer.cosines(torch.tensor(document.log_odds[label])))
            match = Match(self.label_set.names[label], cosine, None, None, None)
            yield SentenceResult(self.label_set.descriptions[label], match, None, False, float(probabilities[label]))

    @property
    def separator(self) -> str:
        """What stands between two descriptions in a generated text."""
        return self.backbone.target.separator

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed N texts as the matcher sees them: (N, D), unit length."""
        rows: NDArray[np.float32] = self._embedded(texts).numpy()
        return rows

    def count_tokens(self, text: str) -> int:
        """Tokens that the generator writes for a text."""
        return len(self.backbone.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _matched(self, sentences: Iterable[str]) -> dict[str, Match]:
        """{sentence: match} with at least these sentences."""
        if len(self._matches) > self.REMEMBERED:
            self._matches.clear()
        if new := sorted(set(sentences) - self._matches.keys()):
            self._matches.update(zip(new, self._matcher.match(self._embedded(new).numpy()), strict=True))
        return self._matches

    def _embedded(self, sentences: Sequence[str]) -> Tensor:
        """Embeddings (S, D); a sentence that is a stored description has been embedded already."""
        rows = [self._rows.get(sentence) for sentence in sentences]
        embeddings = torch.empty(len(sentences), self._compared.shape[1])
        stored = [place for place, row in enumerate(rows) if row is not None]
        other = [place for place, row in enumerate(rows) if row is None]
        embeddings[stored] = self._compared[[row for row in rows if row is not None]]
        if other:
            embeddings[other] = self.backbone.matching_encoder.encode([sentences[place] for place in other])
        return embeddings


class UntrainedClassifier:
    """Before anything is trained: the frozen encoder compares the document with every description.

    Each sentence of a result is a stored description, nearest first, and its match says how near the
    document lies; the runner-up is the next one.

    Args:
        label_set: what is compared with.
        like: one of another label set, whose encoder is shared and whose embeddings are used again.
        device: where the encoder goes if it has to be loaded.
    """

    SHOWN = 5

    def __init__(self, label_set: LabelSet, *, like: UntrainedClassifier | None = None, device: str = "auto") -> None:
        self.label_set = label_set
        self.threshold = 0.25
        self.encoder: SentenceEncoder = (
            like.encoder if like else SentenceEncoder.load().to(chosen_device(device)).eval()
        )
        known = {} if like is None else dict(zip(like.label_set.descriptions, like.embeddings, strict=True))
        if new := [text for text in label_set.descriptions if text not in known]:
            known.update(zip(new, self.encoder.encode(new), strict=True))
        self.embeddings: Tensor = torch.stack([known[text] for text in label_set.descriptions])  # (L, D)

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of everything that takes memory by where it lies: weights and the descriptions' embeddings."""
        return {**_sizes(self.encoder), self.embeddings.data_ptr(): self.embeddings.nbytes}

    def classify(self, texts: Sequence[str], *, threshold: float | None = None) -> list[DocumentResult]:
        """Classify documents, in order; labels are the descriptions above the threshold.

        Raises:
            ConfigError: the threshold is no cosine.
        """
        return list(self.stream(texts, threshold=threshold))

    def stream(
        self, texts: Iterable[str], *, threshold: float | None = None, batch_size: int = 32, chunk: int = CHUNK,
        progress: Advance | None = None, cancelled: Callable[[], bool] | None = None,
        turn: contextlib.AbstractContextManager[object] | None = None,
    ) -> Iterator[DocumentResult]:  # fmt: skip
        """Classify any number of documents as `Classifier.stream` does. Raises ConfigError and Cancelled."""
        decided = self.threshold if threshold is None else check_threshold(threshold)
        return answered(
            texts, lambda batch: self._answer(batch, decided), batch_size=batch_size, chunk=chunk,
            progress=progress, cancelled=cancelled, turn=turn,
        )  # fmt: skip

    def _answer(self, texts: Sequence[str], threshold: float) -> list[DocumentResult]:
        cosines = (self.encoder.encode(texts) @ self.embeddings.T).clamp(-1, 1)  # (N, L)
        best = cosines.topk(min(self.SHOWN + 1, cosines.shape[1]), dim=1)
        return [
            judged(text, self._ranked(labels, values), threshold)
            for text, labels, values in zip(texts, best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def _ranked(self, labels: Sequence[int], cosines: Sequence[float]) -> list[SentenceResult]:
        names, ranked = self.label_set.names, []
        for rank, (label, cosine) in enumerate(zip(labels[: self.SHOWN], cosines, strict=False)):
            match = Match(names[label], cosine, None, None, None)
            if rank + 1 < len(labels):
                runner_up = cosines[rank + 1]
                match = Match(names[label], cosine, names[labels[rank + 1]], runner_up, cosine - runner_up)
            ranked.append(SentenceResult(self.label_set.descriptions[label], match, None, False))
        return ranked


def _sigmoid(log_odds: NDArray[np.float32]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))
    return odds


def megabytes(classifiers: Iterable[Classifier | UntrainedClassifier]) -> float:
    """Memory of loaded classifiers in MB; what several of them share counts once."""
    sizes: dict[int, int] = {}
    for classifier in classifiers:
        sizes |= classifier.sizes
    return sum(sizes.values()) / 1024 / 1024


def _sizes(model: nn.Module) -> dict[int, int]:
    packed = {id(module): module.nbytes for module in model.modules() if isinstance(module, PrepackedLinear)}
    return packed | {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
