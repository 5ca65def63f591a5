"""From text to labels: generated sentences, their nearest labels, and the decision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from lagamc.backbone import Backbone
from lagamc.backbones import load_backbone
from lagamc.checkpoint import verify_model_folder
from lagamc.config import TrainingConfig
from lagamc.contrast import Contrasts
from lagamc.decision import WRITTEN_ONLY, DecisionRule, DocumentResult, Neighbour, SentenceResult, judged
from lagamc.errors import LabelError
from lagamc.generation import Generated, generate
from lagamc.labels import Label, LabelSet
from lagamc.loaded import LoadedClassifier, sizes
from lagamc.matcher import Match, Matcher, Matching, check_threshold
from lagamc.neighbours import Neighbours
from lagamc.precision import chosen_device, chosen_precision
from lagamc.zero_shot import ZeroShotScore, sigmoid

__all__ = ["Classifier"]

Row = NDArray[np.floating]


class Classifier(LoadedClassifier):
    """A trained model with its label set. It is not to be used by two threads at a time.

    Args:
        backbone: the model.
        label_set: in target order; after the labels that the model was trained on there may be others (zero-shot).
        max_new_tokens: where a text that does not end is cut.
        threshold: the cosine below which a written sentence counts as not written; its label is then given only where
            it is probable enough without it.
        matching: exact, or approximate for very many labels.
        constrained: as `lagamc.generation.generate` has it.
        rule: which labels follow from what was written and from their probabilities.
        zero_shot, contrasts: how probable the labels are that the model was not trained on; needed where there are
            some.
        neighbours: what the nearest training documents say, where that was kept.
        embeddings: what `Backbone.embed_descriptions` gave for this label set; by default they are embedded here. Of
            "trained", those of the labels that the model was trained on suffice.

    Raises:
        ConfigError: the threshold is no cosine, or `matching` cannot be used.
        LabelError: there are added labels, and no contrasts.
    """

    REMEMBERED = 10_000  # sentences whose match is kept; a model writes the same ones again and again

    def __init__(
        self, backbone: Backbone, label_set: LabelSet, *, max_new_tokens: int, threshold: float = 0.4,
        matching: Matching = "exact", constrained: bool = False, rule: DecisionRule = WRITTEN_ONLY,
        zero_shot: ZeroShotScore | None = None, contrasts: Contrasts | None = None,
        neighbours: Neighbours | None = None, embeddings: Mapping[str, Tensor] | None = None,
    ) -> None:  # fmt: skip
        embeddings = embeddings or backbone.embed_descriptions(label_set.descriptions)
        self.backbone = backbone
        self.label_set = label_set
        self.threshold = check_threshold(threshold)
        self.rule = rule
        self._max_new_tokens = max_new_tokens
        self._matching: Matching = matching
        self._constrained = constrained
        self._zero_shot, self._contrasts = zero_shot or ZeroShotScore(), contrasts
        self.neighbours = neighbours
        self._compared = embeddings.get("matching", embeddings["trained"])  # (L, D')
        learnt = len(backbone.trie)
        self._descriptions = embeddings["trained"][:learnt]
        self._added: tuple[Contrasts, list[NDArray[np.float32]]] | None = None  # two (A, D), before training and after
        if len(label_set) > learnt:
            if contrasts is None:
                raise LabelError("Labels added after training need the contrasts of a model folder: use with_labels.")
            added, encoders = label_set.descriptions[learnt:], (backbone.starting_encoder, backbone.encoder)
            self._added = contrasts, [encoder.encode(added).numpy() for encoder in encoders]
        self._matcher = Matcher(label_set.names, self._compared.numpy(), matching=matching)
        self._rows = {text: row for row, text in enumerate(label_set.descriptions)}
        self._matches: dict[str, Match] = {}

    @classmethod
    def load(
        cls, model_folder: str | Path, *, device: str = "auto", precision: str = "float32",
        matching: Matching = "exact", constrained: bool = False,
    ) -> Classifier:  # fmt: skip
        """Load a model folder that a training run wrote.

        Args:
            model_folder: what `lagamc.run.train_run` made.
            device: auto, cpu or cuda.
            precision: float32; bfloat16, which is faster where the processor multiplies in it and gives one document in
                a thousand other labels (docs/measurements.md); or auto, bfloat16 there and float32 elsewhere.
            matching: exact or approximate, as `Matcher` has it.
            constrained: as `lagamc.generation.generate` has it.

        Raises:
            CheckpointError: a file is missing, changed, or of another label set.
            BackboneError: the pretrained model underneath cannot be found.
            ConfigError: the device is not here, the precision is not known, or the package that approximate matching
                needs is missing.
        """
        chosen = chosen_device(device)
        rounded = chosen_precision(precision, chosen) == "bfloat16"
        model_folder = Path(model_folder)
        manifest, label_set = verify_model_folder(model_folder)
        config = dataclasses.replace(TrainingConfig.from_dict(manifest.config), device=device)  # not that of training
        backbone = load_backbone(model_folder, config, label_set)
        backbone.to(chosen).eval()
        if rounded:  # adapters stay beside the weights: merged into rounded ones they would be rounded off
            backbone.round_weights()
        else:
            backbone.merge_adapters()
        neighbours = Neighbours.load(model_folder, len(label_set), share=config.neighbour_share)
        return cls(
            backbone, label_set, max_new_tokens=manifest.max_new_tokens, threshold=manifest.threshold,
            matching=matching, constrained=constrained, rule=DecisionRule(**manifest.rule),
            zero_shot=ZeroShotScore(**manifest.zero_shot), contrasts=Contrasts.load(model_folder),
            neighbours=neighbours, embeddings=load_file(model_folder / "descriptions.safetensors"),
        )  # fmt: skip

    @property
    def zero_shot(self) -> tuple[str, ...]:
        """Names of the labels that were added after training."""
        return self.label_set.names[len(self.backbone.trie) :]

    def with_labels(self, labels: Iterable[Label]) -> Classifier:
        """The same weights with labels that were added after training, each known by its description alone.

        What the model writes stays as it was. An added label is given where `lagamc.zero_shot` finds it
        probable enough, or where a sentence is nearest to its description.

        Raises:
            LabelError: no label, or one whose name or description is there already.
        """
        added = LabelSet(labels)
        compared = self.backbone.matching_encoder.encode(added.descriptions)
        return Classifier(
            self.backbone, LabelSet([*self.label_set, *added]), max_new_tokens=self._max_new_tokens,
            threshold=self.threshold, matching=self._matching, constrained=self._constrained, rule=self.rule,
            zero_shot=self._zero_shot, contrasts=self._contrasts, neighbours=self.neighbours,
            embeddings={"trained": self._descriptions, "matching": torch.cat([self._compared, compared])},
        )  # fmt: skip

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of everything that takes memory by where it lies: weights and the descriptions' embeddings."""
        others = [self.backbone.matching_encoder]
        if self._added is not None:
            others.append(self.backbone.starting_encoder)
        kept = self.neighbours.sizes if self.neighbours else {}
        if self._contrasts is not None:
            kept |= self._contrasts.sizes
        return {
            **sizes(self.backbone), **kept, **dict(item for other in others for item in sizes(other).items()),
            **{embeddings.data_ptr(): embeddings.nbytes for embeddings in (self._descriptions, self._compared)},
        }  # fmt: skip

    def _answer(self, texts: Sequence[str], threshold: float) -> list[DocumentResult]:
        written = generate(
            self.backbone, texts, self._descriptions, max_new_tokens=self._max_new_tokens, batch_size=len(texts),
            constrained=self._constrained,
        )  # fmt: skip
        matches = self._matched(sentence.text for document in written for sentence in document.sentences)
        log_odds = np.stack([document.log_odds for document in written])  # (B, L) of the labels it was trained on
        probabilities, cosines = sigmoid(log_odds), self.backbone.scorer.cosines(torch.from_numpy(log_odds)).numpy()
        top = probabilities.max(axis=1, keepdims=True)
        alike: list[tuple[Neighbour, ...]] = [()] * len(texts)
        documents = torch.stack([document.embedding for document in written])  # (B, D)
        if self.neighbours is not None:
            probabilities, alike = self.neighbours.joined(probabilities, documents)
        if self._added is not None:
            contrasts, added = self._added
            read = self.backbone.starting_encoder.encode(texts).numpy(), documents.numpy()
            odds = self._zero_shot.log_odds(contrasts.cosines(read, added), top)  # (B, A)
            probabilities = np.concatenate([probabilities, sigmoid(odds)], axis=1)
            cosines = np.concatenate([cosines, read[1] @ added[1].T], axis=1)
        most, longest = self.backbone.config.max_document_tokens, self.backbone.longest_prompt
        cuts = [most if document.prompt_tokens == longest else None for document in written]
        return [
            judged(text, self._evidence(document, matches, *rows), threshold, self.rule, near, cut_at=cut)
            for text, document, cut, near, *rows in zip(
                texts, written, cuts, alike, probabilities, cosines, strict=True
            )
        ]

    def _evidence(
        self, document: Generated, matches: Mapping[str, Match], probabilities: Row, cosines: Row
    ) -> Iterator[SentenceResult]:
        """What was written, and then the labels that were not but are probable enough, the most probable first.

        Probabilities and cosines of the whole document with the descriptions are (L,).
        """
        learnt = len(self.backbone.trie)
        said = set()
        for sentence in document.sentences:
            match = matches[sentence.text]
            said.add(label := self.label_set.index(match.label))
            yield SentenceResult(
                sentence.text, match, sentence.log_probability, False, float(probabilities[label]), label >= learnt
            )
        enough = np.full(len(probabilities), self.rule.unwritten)
        enough[learnt:] = self.rule.added
        probable = np.flatnonzero(probabilities > enough)
        for label in sorted(set(probable.tolist()) - said, key=lambda label: -probabilities[label]):
            match = Match(self.label_set.names[label], float(cosines[label]), None, None, None)
            yield SentenceResult(
                self.label_set.descriptions[label], match, None, False, float(probabilities[label]), label >= learnt
            )

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
