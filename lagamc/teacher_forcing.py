"""A diagnostic, not an evaluation: the decoder reads the target, as the paper's released code measures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lagamc.backbone import Backbone
from lagamc.classifier import Classifier
from lagamc.corpus import Corpus
from lagamc.errors import DatasetError, LabelError
from lagamc.matcher import Matcher
from lagamc.metrics import Indicator, Metrics, indicator, multilabel_metrics
from lagamc.streaming import Progress
from lagamc.token_rows import padded

__all__ = ["TEACHER_FORCED", "check_targets", "teacher_forced", "teacher_forced_predictions"]

TEACHER_FORCED = (
    "teacher-forced: the decoder's input is the true target, and the likeliest token is taken at each position. "
    "The answer is part of the question, so this says nothing about new documents."
)


def check_targets(classifier: Classifier) -> None:
    """Raise LabelError where the model knows labels that it cannot write."""
    if added := classifier.zero_shot:
        raise LabelError(
            f"Teacher forcing needs targets, and this model cannot write labels added after training: "
            f"{', '.join(added)}. Leave them out."
        )


def teacher_forced(classifier: Classifier, corpus: Corpus, *, progress: Progress | None = None) -> Metrics:
    """Figures under teacher forcing, to be shown beside free-running ones and never instead of them.

    Raises:
        DatasetError: the corpus is empty.
        LabelError: it carries a label that the model does not know, or labels were added after training.
    """
    predicted = teacher_forced_predictions(classifier, corpus, progress=progress)
    actual = indicator([example.labels for example in corpus], classifier.label_set)
    return multilabel_metrics(actual, predicted, classifier.label_set.names)


def teacher_forced_predictions(
    classifier: Classifier, corpus: Corpus, *, batch_size: int = 32, progress: Progress | None = None
) -> Indicator:
    """(documents, labels): sentences argmaxed over the true target, each matched to its nearest label.

    Every sentence counts, however low its cosine. A target longer than the decoder can take is cut.

    Raises:
        DatasetError: the corpus is empty.
        LabelError: it carries a label that the model does not know, or labels were added after training.
    """
    if not corpus:
        raise DatasetError("There is no document to evaluate on.")
    check_targets(classifier)
    backbone, label_set = classifier.backbone, classifier.label_set
    targets = [
        backbone.target_slots(sorted(map(label_set.index, set(example.labels))))[: backbone.max_positions]
        for example in corpus
    ]
    prompts = backbone.tokenize([example.text for example in corpus])
    descriptions = backbone.encoder.encode(label_set.descriptions)  # (L, D)
    order = sorted(range(len(corpus)), key=lambda row: (len(prompts[row]), len(targets[row])))
    written: dict[int, list[str]] = {}
    was_training = backbone.training
    backbone.eval()
    try:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = _argmax(
                backbone, [corpus[row].text for row in rows], [prompts[row] for row in rows],
                [targets[row] for row in rows], descriptions,
            )  # fmt: skip
            written.update(zip(rows, batch, strict=True))
            if progress is not None:
                progress(len(written), len(corpus))
    finally:
        backbone.train(was_training)
    unique = sorted({text for texts in written.values() for text in texts})
    encoder = backbone.matching_encoder
    matcher = Matcher(label_set.names, encoder.encode(label_set.descriptions).numpy())
    matches = matcher.match(encoder.encode(unique).numpy()) if unique else []
    nearest = {text: match.label for text, match in zip(unique, matches, strict=True)}
    return indicator([[nearest[text] for text in written[row]] for row in range(len(corpus))], label_set)


@torch.inference_mode()
def _argmax(
    backbone: Backbone, texts: Sequence[str], prompts: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]], descriptions: torch.Tensor,
) -> list[list[str]]:  # fmt: skip
    """The sentences that stand where the likeliest token is taken at each position of the target."""
    input_ids, mask = padded(prompts, backbone.tokenizer.pad_token_id, device=backbone.device)  # (B, T)
    shifted = [[backbone.start_slot, *target[:-1]] for target in targets]
    decoder_ids, _ = padded(shifted, backbone.pad_slot, device=backbone.device)  # (B, U)
    recalled = backbone.recall(backbone.read(input_ids, mask), mask, texts, descriptions.to(backbone.device))
    chosen = backbone.write(recalled.states, recalled.mask, decoder_ids).argmax(dim=-1).tolist()  # (B, U)
    return [
        [text for _, _, text in backbone.sentences(row[: len(target)])]
        for row, target in zip(chosen, targets, strict=True)
    ]
