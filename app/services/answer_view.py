"""An answer as the screens show it: its sentences, labels under their names of now, and neighbours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from storage.models import PredictedSentence

if TYPE_CHECKING:
    from lagamc.decision import DocumentResult

__all__ = [
    "ClassificationView",
    "NeighbourRow",
    "SentenceRow",
    "decided",
    "given_labels",
    "sentence_rows",
    "stored_sentences",
]


@dataclass(frozen=True, slots=True)
class SentenceRow:
    """One sentence with its nearest label under the name it has now; cosines lie in [-1, 1].

    Without a log-probability no model wrote it; see `lagamc.decision.SentenceResult`.
    """

    sentence: str
    label: str
    cosine: float
    runner_up: str | None
    runner_up_cosine: float | None
    margin: float | None
    abstained: bool
    log_probability: float | None
    probability: float | None
    zero_shot: bool  # the label was added after training
    retired: bool  # the label was retired since, and is not given for it


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """A training document that had a say in the probabilities, with the labels that it carries now."""

    document_id: int
    external_id: str
    text: str
    labels: list[str]
    cosine: float


@dataclass(frozen=True, slots=True)
class ClassificationView:
    """An answer with its evidence.

    `result` and the keys of `names` and `label_ids` use the names that the model learnt.
    `neighbours` are the training documents most like it, the nearest first. `added` are the labels that the model
    knows by their descriptions alone, `retired` those that it learnt and that are not in use any more: `labels` leaves
    them out.
    """

    rows: list[SentenceRow]
    neighbours: list[NeighbourRow]
    labels: list[str]
    threshold: float
    model_threshold: float  # that the model has of its own
    model_id: int | None  # of the model version; None for the untrained encoder
    model_name: str
    trained: bool
    seconds: float
    prediction_id: int | None
    result: DocumentResult
    label_ids: Mapping[str, int]
    names: Mapping[str, str]
    added: tuple[str, ...]
    retired: frozenset[str]

    @property
    def untrained(self) -> list[str]:
        """Those of the labels that were given by their description alone."""
        given = {row.label for row in self.rows if row.zero_shot and not row.abstained}
        return [name for name in self.labels if name in given]


def decided(view: ClassificationView, result: DocumentResult) -> ClassificationView:
    """The view of an answer that was decided again, or got other names."""
    rows = sentence_rows(result, view.names, view.retired)
    return replace(view, result=result, threshold=result.threshold, rows=rows, labels=given_labels(rows))


def given_labels(rows: Sequence[SentenceRow]) -> list[str]:
    """The labels in use that the rows of an answer give, each once, for merged labels share a name."""
    return list(dict.fromkeys(row.label for row in rows if not row.abstained and not row.retired))


def sentence_rows(
    result: DocumentResult, names: Mapping[str, str], retired: Collection[str]
) -> list[SentenceRow]:  # fmt: skip
    """The rows of an answer, its labels under their `names` of now."""
    return [
        SentenceRow(
            sentence=sentence.text,
            label=names[sentence.match.label],
            cosine=sentence.match.cosine,
            runner_up=None if sentence.match.runner_up is None else names[sentence.match.runner_up],
            runner_up_cosine=sentence.match.runner_up_cosine,
            margin=sentence.match.margin,
            abstained=sentence.abstained,
            log_probability=sentence.log_probability,
            probability=sentence.probability,
            zero_shot=sentence.zero_shot,
            retired=names[sentence.match.label] in retired,
        )
        for sentence in result.sentences
    ]


def stored_sentences(result: DocumentResult, label_ids: Mapping[str, int]) -> list[PredictedSentence]:
    """The rows of an answer as the database keeps them."""
    return [
        PredictedSentence(
            text=sentence.text,
            label_id=label_ids[sentence.match.label],
            cosine=sentence.match.cosine,
            runner_up_id=None if sentence.match.runner_up is None else label_ids[sentence.match.runner_up],
            runner_up_cosine=sentence.match.runner_up_cosine,
            log_probability=sentence.log_probability,
            probability=sentence.probability,
            abstained=sentence.abstained,
        )
        for sentence in result.sentences
    ]
