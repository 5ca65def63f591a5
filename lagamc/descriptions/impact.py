"""What an edited description would change: stored generated sentences matched again, nothing generated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.descriptions.collisions import normalised
from lagamc.metrics import LabelMetrics, Metrics, multilabel_metrics

__all__ = ["Affected", "EditImpact", "Evidence", "Figures", "LabelChange", "matched_labels", "what_if"]

BLOCK = 4096
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sentences that a model generated for N documents, each distinct one embedded once.

    Args:
        embeddings: (S, D) of the distinct sentences.
        documents: (M,) document of each occurrence, in [0, N), ascending.
        sentences: (M,) its sentence, in [0, S).
        size: N; a document may have no sentence.
    """

    embeddings: Matrix
    documents: NDArray[np.intp]
    sentences: NDArray[np.intp]
    size: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Precision, recall and F1 of one label on dev; undefined ones (0 / 0) are 0."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class LabelChange:
    """A label whose figures on dev, or whose documents, change.

    Figures are None without dev documents, and before the edit where the label had no description.
    """

    label: int
    before: Figures | None
    after: Figures | None
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Affected:
    """A document whose labels change, with the sentence whose cosine to the edited text moved most."""

    document: int
    sentence: int
    cosine_before: float  # -1 where the label is new
    cosine_after: float
    labels_before: tuple[int, ...]
    labels_after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EditImpact:
    """The effect of one edit. Documents are rows of the evidence, labels rows of the label set."""

    gained: tuple[int, ...]
    lost: tuple[int, ...]
    changes: tuple[LabelChange, ...]
    micro_f1: tuple[float, float] | None  # on dev, before and after; None without dev documents
    macro_f1: tuple[float, float] | None
    affected: tuple[Affected, ...]


def what_if(
    evidence: Evidence,
    descriptions: NDArray[np.floating],
    label: int,
    edited: NDArray[np.floating],
    *,
    threshold: float,
    truth: NDArray[np.bool_],
    dev: NDArray[np.intp],
    given: NDArray[np.bool_] | None = None,
    shown: int = 10,
) -> EditImpact:
    """Match every sentence against the descriptions as they are and with one of them edited.

    A label without a description before the edit is left out of the macro-F1 before, and after it where no dev
    document carries it.

    Args:
        evidence: the stored sentences.
        descriptions: (L, D); of a new label, the last row, which is ignored before the edit where it is zero.
        label: row of the edited description.
        edited: (D,), its new embedding.
        threshold: cosine below which a sentence is assigned to nothing.
        truth: (len(dev), L), true where a dev document carries the label.
        dev: rows of the dev documents.
        given: (N, L), labels that documents have without a sentence, before and after.
        shown: how many affected documents to return.
    """
    own_before, rest, rest_cosine = _cosines(evidence.embeddings, descriptions, label)
    own_after = np.zeros(0, dtype=np.float32)
    if len(evidence.embeddings):  # a model may have written nothing at all
        own_after = np.clip(normalised(evidence.embeddings) @ normalised(edited[np.newaxis])[0], -1.0, 1.0)
    if given is None:
        given = np.zeros((evidence.size, len(descriptions)), dtype=np.bool_)
    held_before, held_after = (
        _held(evidence, _assigned(own, rest, rest_cosine, label, threshold), given) for own in (own_before, own_after)
    )
    gained = np.flatnonzero(held_after[:, label] & ~held_before[:, label])
    lost = np.flatnonzero(held_before[:, label] & ~held_after[:, label])
    changed = np.flatnonzero((held_before != held_after).any(axis=1))
    new = None if np.any(descriptions[label]) else label
    figures = _figures(truth, held_before[dev], held_after[dev])
    return EditImpact(
        gained=tuple(map(int, gained)),
        lost=tuple(map(int, lost)),
        changes=_changes(held_before, held_after, figures, label, new),
        micro_f1=figures and (figures[0].micro_f1, figures[1].micro_f1),
        macro_f1=figures and _macro(figures, new),
        affected=_affected(evidence, changed, (held_before, held_after), (own_before, own_after), shown),
    )


def matched_labels(
    evidence: Evidence, descriptions: NDArray[np.floating], *, threshold: float, given: NDArray[np.bool_]
) -> list[set[int]]:
    """The labels of each document: as its sentences are matched to (L, D) descriptions, and those `given` (N, L)."""
    own, rest, rest_cosine = _cosines(evidence.embeddings, descriptions, 0)
    held = _held(evidence, _assigned(own, rest, rest_cosine, 0, threshold), given)
    return [set(map(int, np.flatnonzero(row))) for row in held]


def _cosines(
    sentences: Matrix, descriptions: NDArray[np.floating], label: int
) -> tuple[Matrix, NDArray[np.intp], Matrix]:
    """Cosine of each sentence to `label` (S,), its nearest other label (S,) and the cosine to that (S,).

    A label with a zero row has no description yet; every sentence is at -1 from it.
    """
    columns = np.ascontiguousarray(normalised(descriptions).T)
    described = bool(np.any(descriptions[label]))
    count = len(sentences)
    own = np.full(count, -1.0, dtype=np.float32)
    rest = np.empty(count, dtype=np.intp)
    rest_cosine = np.empty(count, dtype=np.float32)
    for start in range(0, count, BLOCK):
        cosines = np.clip(normalised(sentences[start : start + BLOCK]) @ columns, -1.0, 1.0)
        block = slice(start, start + len(cosines))
        if described:
            own[block] = cosines[:, label]
        cosines[:, label] = -np.inf
        rest[block] = cosines.argmax(axis=1)
        rest_cosine[block] = cosines.max(axis=1)
    return own, rest, rest_cosine


def _assigned(
    own: Matrix, rest: NDArray[np.intp], rest_cosine: Matrix, label: int, threshold: float
) -> NDArray[np.intp]:
    """The label of each sentence, -1 below the threshold; on a tie the first label wins, as in the matcher."""
    wins = (own > rest_cosine) | ((own == rest_cosine) & (label < rest))
    return np.where(np.maximum(own, rest_cosine) >= threshold, np.where(wins, label, rest), -1)


def _held(evidence: Evidence, assigned: NDArray[np.intp], given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    held = given.copy()
    labels = assigned[evidence.sentences]
    kept = labels >= 0
    held[evidence.documents[kept], labels[kept]] = True
    return held


def _figures(
    truth: NDArray[np.bool_], before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> tuple[Metrics, Metrics] | None:
    if not len(truth):
        return None
    names = [str(column) for column in range(truth.shape[1])]
    return multilabel_metrics(truth, before, names), multilabel_metrics(truth, after, names)


def _macro(figures: tuple[Metrics, Metrics], new: int | None) -> tuple[float, float]:
    """Means over the labels that there are: not over a new one before, nor after where no dev document carries it."""
    before, after = figures
    if new is None or len(before.labels) == 1:
        return before.macro_f1, after.macro_f1
    rest = [[row.f1 for place, row in enumerate(metrics.labels) if place != new] for metrics in figures]
    return float(np.mean(rest[0])), after.macro_f1 if after.labels[new].support else float(np.mean(rest[1]))


def _changes(
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    figures: tuple[Metrics, Metrics] | None,
    edited: int,
    new: int | None,
) -> tuple[LabelChange, ...]:
    """The edited label, then every other one that gains or loses documents."""
    gained, lost = (after & ~before).sum(axis=0), (before & ~after).sum(axis=0)
    touched = [int(label) for label in np.flatnonzero(gained + lost) if label != edited]
    return tuple(
        LabelChange(
            label=label,
            before=_of_label(figures[0].labels[label]) if figures and label != new else None,
            after=_of_label(figures[1].labels[label]) if figures else None,
            gained=int(gained[label]),
            lost=int(lost[label]),
        )
        for label in (edited, *touched)
    )


def _of_label(metrics: LabelMetrics) -> Figures:
    return Figures(metrics.precision, metrics.recall, metrics.f1, metrics.support)


def _affected(
    evidence: Evidence,
    changed: NDArray[np.intp],
    held: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    own: tuple[Matrix, Matrix],
    shown: int,
) -> tuple[Affected, ...]:
    """The changed documents whose sentences move most, each with that sentence."""
    moved = np.abs(own[1] - own[0])[evidence.sentences]  # (M,)
    relevant = np.flatnonzero(np.isin(evidence.documents, changed))
    found: dict[int, int] = {}
    for position in relevant[np.argsort(-moved[relevant], kind="stable")]:
        found.setdefault(int(evidence.documents[position]), int(evidence.sentences[position]))
        if len(found) == shown:
            break
    return tuple(
        Affected(
            document=document,
            sentence=sentence,
            cosine_before=float(own[0][sentence]),
            cosine_after=float(own[1][sentence]),
            labels_before=tuple(map(int, np.flatnonzero(held[0][document]))),
            labels_after=tuple(map(int, np.flatnonzero(held[1][document]))),
        )
        for document, sentence in found.items()
    )
