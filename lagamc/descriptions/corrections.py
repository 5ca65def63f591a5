"""What a label's rejected and missed documents have in common, and how its description could say so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_CLUSTERS", "Cluster", "Kind", "clustered", "distinctive_terms", "reworded"]

Kind = Literal["rejected", "missed"]
FEWEST_A_CLUSTER = 4  # documents; below twice as many there is one cluster
MOST_CLUSTERS = 4
WORD = re.compile(r"[^\W\d_][\w'-]+")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Positions of documents that are alike, the most typical first, and the terms that set them apart."""

    rows: tuple[int, ...]
    terms: tuple[str, ...]


def clustered(
    texts: Sequence[str], vectors: NDArray[np.floating], others: Sequence[str], *, seed: int = 0
) -> list[Cluster]:
    """Group documents by k-means on their embeddings, k by the silhouette; the largest group comes first.

    Args:
        texts: N documents.
        vectors: (N, D) of unit length.
        others: documents to tell them from, as those that the label rightly has.
        seed: of k-means.
    """
    if not texts:
        return []
    groups = _groups(vectors, seed)
    found = []
    for group in range(int(groups.max()) + 1):
        members = np.flatnonzero(groups == group)
        typical = vectors[members] @ vectors[members].mean(axis=0)
        rows = tuple(int(row) for row in members[np.argsort(-typical, kind="stable")])
        rest = [text for row, text in enumerate(texts) if row not in set(rows)]
        found.append(Cluster(rows, distinctive_terms([texts[row] for row in rows], [*rest, *others])))
    return sorted(found, key=lambda cluster: (-len(cluster.rows), cluster.rows))


def distinctive_terms(texts: Sequence[str], others: Sequence[str], *, count: int = 5) -> tuple[str, ...]:
    """Return the words that more of `texts` hold than of `others`, by the difference of the shares.

    A word must occur in two of the texts, or in the only one; English stop words are left out.
    """
    own, rest = _document_counts(texts), _document_counts(others)
    least = min(2, len(texts))
    scores = {
        word: number / len(texts) - rest[word] / max(len(others), 1) for word, number in own.items() if number >= least
    }
    ranked = sorted(scores, key=lambda word: (-scores[word], word))
    return tuple(word for word in ranked if scores[word] > 0)[:count]


def reworded(description: str, terms: Collection[str], kind: Kind) -> str:
    """Return the description with a sentence on these terms: covered where documents were missed, else not.

    Terms that it names already are left out where documents were missed; without any left, it stays as it is.
    """
    present = set(WORD.findall(description.casefold()))
    named = [term for term in terms if kind == "rejected" or term not in present]
    if not named:
        return description
    listed = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
    body = description.strip()
    body += "" if body.endswith((".", "!", "?")) or not body else "."
    added = f"This includes {listed}." if kind == "missed" else f"Texts about {listed} alone do not belong here."
    return f"{body} {added}".strip()


def _groups(vectors: NDArray[np.floating], seed: int) -> NDArray[np.intp]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    distinct = len(np.unique(vectors.round(6), axis=0))
    most = min(MOST_CLUSTERS, len(vectors) // FEWEST_A_CLUSTER, distinct)
    best, best_score = np.zeros(len(vectors), dtype=np.intp), 0.1  # below that there is no structure to speak of
    for size in range(2, most + 1):
        groups = KMeans(n_clusters=size, n_init=10, random_state=seed).fit_predict(vectors)
        score = silhouette_score(vectors, groups, metric="cosine")
        if score > best_score:
            best, best_score = groups, score
    return np.asarray(best, dtype=np.intp)


def _document_counts(texts: Sequence[str]) -> Counter[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(WORD.findall(text.casefold())) - ENGLISH_STOP_WORDS)
    return counts
