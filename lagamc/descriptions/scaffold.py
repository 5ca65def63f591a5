"""A description assembled from the data alone: distinctive terms and the most typical sentences of a label.

Distinctive terms are ranked by class TF-IDF (Grootendorst 2022, arXiv 2203.05794): the documents of a label
count as one long document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.descriptions.sentences import split_sentences

__all__ = ["SCAFFOLD_MARK", "Scaffold", "TermTable", "assemble", "candidate_sentences", "typical_sentences"]

SCAFFOLD_MARK = "Scaffold from the data:"
WORD = r"(?u)\b[^\W\d_][\w'-]+\b"
_MAX_SENTENCE_WORDS = 40
_MIN_SENTENCE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A draft to be rewritten by a person, with what it was made from."""

    text: str
    terms: tuple[str, ...]
    sentences: tuple[str, ...]


class TermTable:
    """In how many documents of each label each term occurs.

    Terms are words of two letters and more in lower case, without English stop words, the 10,000 most frequent.

    Args:
        texts: the documents.
        labels: positions of the labels each document carries.
        size: number of labels.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[Sequence[int]], size: int) -> None:
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

        pairs = [(label, row) for row, carried in enumerate(labels) for label in carried]
        vectorizer = CountVectorizer(
            lowercase=True, stop_words=list(ENGLISH_STOP_WORDS), token_pattern=WORD, min_df=2, max_features=10_000
        )
        try:
            present = vectorizer.fit_transform(texts).sign()  # documents in which a term occurs
        except ValueError:  # nothing but stop words, or no document
            self.terms: NDArray[np.str_] = np.empty(0, dtype=np.str_)
            self._counts = np.zeros((size, 0), dtype=np.float32)
            self._documents = np.zeros(size, dtype=np.float32)
            return
        rows = [label for label, _ in pairs]
        columns = [row for _, row in pairs]
        member = csr_matrix((np.ones(len(pairs), dtype=np.float32), (rows, columns)), shape=(size, len(texts)))
        self.terms = vectorizer.get_feature_names_out()
        self._counts = np.asarray((member @ present).todense(), dtype=np.float32)  # (labels, terms)
        self._documents = np.asarray(member.sum(axis=1), dtype=np.float32).ravel()

    def distinctive(self, label: int, count: int = 8) -> tuple[str, ...]:
        """The terms that tell a label from all others, best first."""
        own = self._counts[label]
        if not own.any():
            return ()
        total = self._counts.sum(axis=0)
        average = float(self._counts.sum()) / max(len(self._counts), 1)
        scores = own / own.sum() * np.log1p(average / np.maximum(total, 1.0))
        return self._best(np.where(own >= 2, scores, 0.0), count)

    def against(self, label: int, rival: int, count: int = 20) -> tuple[str, ...]:
        """The terms that tell a label from one rival, by the difference of their shares of documents."""
        if not self._documents[label] or not self._documents[rival]:
            return ()
        own = self._counts[label] / self._documents[label]
        other = self._counts[rival] / self._documents[rival]
        return self._best(np.where(self._counts[label] >= 2, own - other, 0.0), count)

    def _best(self, scores: NDArray[np.floating], count: int) -> tuple[str, ...]:
        order = np.argsort(-scores, kind="stable")[:count]
        return tuple(str(self.terms[column]) for column in order if scores[column] > 0)


def typical_sentences(
    sentences: Sequence[str], embeddings: NDArray[np.floating], centroid: NDArray[np.floating], count: int = 2
) -> tuple[str, ...]:
    """The sentences nearest to a label's centroid, each of which differs from those before it.

    Args:
        sentences: N candidates.
        embeddings: (N, D), rows of unit length.
        centroid: (D,), mean of the embeddings of the label's documents.
        count: how many to return.
    """
    order = np.argsort(-(embeddings @ centroid), kind="stable")
    chosen: list[int] = []
    for row in order:
        words = len(sentences[row].split())
        if not _MIN_SENTENCE_WORDS <= words <= _MAX_SENTENCE_WORDS:
            continue
        if all(float(embeddings[row] @ embeddings[other]) < 0.9 for other in chosen):
            chosen.append(int(row))
        if len(chosen) == count:
            break
    return tuple(sentences[row] for row in chosen)


def assemble(name: str, terms: Sequence[str], sentences: Sequence[str]) -> Scaffold:
    """Put a scaffold together; its first words say what it is."""
    parts = [f"{SCAFFOLD_MARK} {name}"]
    if terms:
        parts.append(f"typical words are {', '.join(terms)}")
    if sentences:
        quoted = "; ".join(sentence.strip().rstrip(".") for sentence in sentences)
        parts.append(f"documents say: {quoted}")
    return Scaffold(". ".join((parts[0], *(part[:1].upper() + part[1:] for part in parts[1:]))) + ".", tuple(terms),
                    tuple(sentences))  # fmt: skip


def candidate_sentences(texts: Sequence[str], limit: int = 400) -> list[str]:
    """Sentences of some documents, each once, at most `limit`."""
    found: dict[str, None] = {}
    for text in texts:
        for sentence in split_sentences(text):
            found.setdefault(sentence)
            if len(found) >= limit:
                return list(found)
    return list(found)
