"""Label trees of extreme multi-label classification, on TF-IDF: Parabel (omikuji), Bonsai (libmultilabel)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lagamc.baselines.linear import tfidf
from lagamc.baselines.peers import PeerResult, PeerSettings, Scores, indicators, optional, result_from_scores, silent
from lagamc.datasets import Split
from lagamc.metrics import Indicator

__all__ = ["bonsai_tree", "omikuji_trees"]

BEAM = 50  # wide enough to be exhaustive for hundreds of labels


def omikuji_trees(split: Split, _: PeerSettings) -> PeerResult:
    """Three Parabel trees (Prabhu et al., 2018) at omikuji's defaults.

    Raises:
        ConfigError: the package is not installed.
        DatasetError: the training documents hold no word.
    """
    library = optional("omikuji")
    train = indicators(split)[0]
    learn, check, measure = tfidf(split, 1)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "train.txt"
        _write_xmc(path, learn, train)
        with silent():
            model = library.Model.train_on_data(str(path), n_threads=1)

    def scores(features: Any) -> Scores:
        found = np.full((features.shape[0], train.shape[1]), -np.inf)
        for row in range(features.shape[0]):
            span = slice(features.indptr[row], features.indptr[row + 1])
            values = list(zip(features.indices[span].tolist(), features.data[span].tolist(), strict=True))
            for label, score in model.predict(values, beam_size=BEAM, top_k=train.shape[1]):
                found[row, label] = score
        return found

    return result_from_scores(split, scores(check), scores(measure))


def bonsai_tree(split: Split, _: PeerSettings) -> PeerResult:
    """One Bonsai tree (Khandagale et al., 2020) of linear models at LibMultiLabel's defaults.

    Raises:
        ConfigError: the package is not installed.
        DatasetError: the training documents hold no word.
    """
    library = optional("libmultilabel.linear")
    from scipy.sparse import csr_matrix

    train = indicators(split)[0]
    learnt = np.flatnonzero(train.any(axis=0))
    learn, check, measure = tfidf(split, 1)
    with silent():
        model = library.train_tree(csr_matrix(train[:, learnt].astype(np.float64)), learn, verbose=False)

    def scores(features: Any) -> Scores:
        found = np.full((features.shape[0], train.shape[1]), -np.inf)
        found[:, learnt] = model.predict_values(features, beam_width=BEAM)
        return found

    return result_from_scores(split, scores(check), scores(measure))


def _write_xmc(path: Path, features: Any, labels: Indicator) -> None:
    """The text format of the extreme classification repository."""
    with path.open("w", encoding="ascii") as file:
        file.write(f"{features.shape[0]} {features.shape[1]} {labels.shape[1]}\n")
        for row in range(features.shape[0]):
            span = slice(features.indptr[row], features.indptr[row + 1])
            own = ",".join(map(str, np.flatnonzero(labels[row])))
            pairs = sorted(zip(features.indices[span].tolist(), features.data[span].tolist(), strict=True))
            file.write(f"{own} {' '.join(f'{index}:{value:.6g}' for index, value in pairs)}\n")
