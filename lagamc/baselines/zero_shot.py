"""No training: the cosine of document and description through a frozen sentence encoder."""

from __future__ import annotations

import numpy as np

from lagamc.baselines.peers import PeerResult, PeerSettings, Scores, result_from_scores
from lagamc.corpus import Corpus
from lagamc.datasets import Split

__all__ = ["cosine"]


def cosine(split: Split, settings: PeerSettings) -> PeerResult:
    """Labels whose description lies nearer than a threshold that dev chooses; nothing is learnt from train."""
    from lagamc.encoder import SentenceEncoder
    from lagamc.precision import chosen_device

    encoder = SentenceEncoder.load(settings.model).to(chosen_device(settings.device)).eval()
    descriptions = encoder.encode(split.label_set.descriptions).numpy()  # (L, D)

    def scores(corpus: Corpus) -> Scores:
        return np.asarray(encoder.encode([example.text for example in corpus]).numpy() @ descriptions.T, np.float64)

    return result_from_scores(split, scores(split.dev), scores(split.test))
