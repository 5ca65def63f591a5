"""Test documents that also lie in train, word for word or nearly: the figures they flatter can be read apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lagamc.errors import ConfigError

__all__ = ["Duplicates", "find_duplicates", "shingles"]

SHINGLE_WORDS = 3
_COLUMNS = 2**22  # shingles are hashed into so many columns
_BLOCK = 512  # test documents compared with all of train at a time

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han. There a character counts as a word.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found for N test documents. `nearest` is their most similar train document."""

    exact: NDArray[np.bool_]  # (N,) the words are the same ones in the same order
    near: NDArray[np.bool_]  # (N,) not exact, and at least as similar as the limit
    similarity: NDArray[np.float64]  # (N,) Jaccard similarity to the nearest
    nearest: NDArray[np.int64]  # (N,) position in train
    limit: float

    @property
    def either(self) -> NDArray[np.bool_]:
        """Documents that are exact or near duplicates."""
        return self.exact | self.near


def shingles(text: str) -> list[str]:
    """Runs of three words in lower case; a shorter text is one shingle. Marks beside words do not count."""
    words = _words(text)
    if len(words) <= SHINGLE_WORDS:
        return [" ".join(words)]
    return [" ".join(words[start : start + SHINGLE_WORDS]) for start in range(len(words) - SHINGLE_WORDS + 1)]


def find_duplicates(test: Sequence[str], train: Sequence[str], *, limit: float = 0.8) -> Duplicates:
    """Compare every test text with every train text by the Jaccard similarity of their shingles.

    The comparison is exhaustive (no sampling of hashes): a sparse product, a block of test texts at a time.

    Raises:
        ConfigError: the limit is no similarity above 0.
    """
    if not 0.0 < limit <= 1.0:
        raise ConfigError(f"The limit is a similarity and must lie above 0 and at most at 1, got {limit}.")
    if not test or not train:
        empty = np.zeros(len(test), dtype=bool)
        return Duplicates(empty, empty.copy(), np.zeros(len(test)), np.full(len(test), -1), limit)
    seen, asked = _features(train), _features(test)
    sizes = np.asarray(seen.sum(axis=1)).ravel()  # (M,)
    similarity, nearest = np.zeros(len(test)), np.full(len(test), -1, dtype=np.int64)
    columns = seen.T.tocsr()
    for start in range(0, len(test), _BLOCK):
        block = asked[start : start + _BLOCK]
        shared = (block @ columns).tocsr()  # (B, M) shingles in common
        own = np.asarray(block.sum(axis=1)).ravel()
        for row in range(shared.shape[0]):
            span = slice(shared.indptr[row], shared.indptr[row + 1])
            if span.start == span.stop:
                continue
            others, common = shared.indices[span], shared.data[span]
            jaccard = common / (own[row] + sizes[others] - common)
            best = int(jaccard.argmax())
            similarity[start + row], nearest[start + row] = jaccard[best], others[best]
    known = {tuple(_words(text)) for text in train}
    exact = np.array([tuple(_words(text)) in known for text in test])
    return Duplicates(exact, (similarity >= limit) & ~exact, similarity, nearest, limit)


def _words(text: str) -> list[str]:
    """Words in lower case; of a text without any, such as one of emoji, what stands between its white space."""
    folded = text.casefold()
    return _WORD.findall(folded) or folded.split()


def _features(texts: Sequence[str]) -> Any:
    """(texts, columns) CSR, one where a text has the shingle."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer=shingles, n_features=_COLUMNS, binary=True, norm=None, alternate_sign=False, dtype=np.float64
    )
    return vectorizer.transform(texts)
