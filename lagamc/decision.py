"""Which labels a document gets: what the model wrote, weighed with how probable each label is by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import product
from typing import NamedTuple

from lagamc.errors import ConfigError
from lagamc.matcher import Match, check_threshold

__all__ = [
    "CANDIDATES",
    "WIDEST",
    "WRITTEN_ONLY",
    "DecisionRule",
    "DocumentResult",
    "Neighbour",
    "SentenceResult",
    "judged",
]


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """From which probability on a document gets a label.

    The probability is that of the document-to-description term (`Backbone.recall`), averaged with what the nearest
    training documents carry (`lagamc.neighbours`). A label whose description
    the model wrote needs less of it than one that it did not write.

    Args:
        written: least probability of a label that was written; 0 takes them all.
        unwritten: a label that was not written needs more than this; 1 takes none.
        added: a label that was added after training needs more than this (`lagamc.zero_shot`): it could not have been
            written, so that it was not says nothing against it.

    Raises:
        ConfigError: a value is no probability, or `unwritten` is smaller than `written`.
    """

    written: float = 0.0
    unwritten: float = 1.0
    added: float = 0.5

    def __post_init__(self) -> None:
        if not (0.0 <= self.written <= self.unwritten <= 1.0 and 0.0 <= self.added <= 1.0):
            raise ConfigError(
                "A decision rule is probabilities, `written` at most `unwritten`; "
                f"found {self.written!r}, {self.unwritten!r}, and {self.added!r} for added labels."
            )

    def to_dict(self) -> dict[str, float]:
        """JSON-able values."""
        return asdict(self)


WRITTEN_ONLY = DecisionRule()  # the paper's: every sentence decides its label (section 5.4)

# Few and far apart: on 50 dev documents of CAVES a finer grid chose rules that lost a point of test micro-F1.
CANDIDATES = (
    DecisionRule(0.2, 0.5),  # the first of equally good ones is taken
    *(
        DecisionRule(written, unwritten)
        for written, unwritten in product((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1.0))
        if written <= unwritten
    ),
)
WIDEST = DecisionRule(0.0, min(rule.unwritten for rule in CANDIDATES))  # decides what any of them may


@dataclass(frozen=True, slots=True)
class SentenceResult:
    """One sentence, its nearest label, and whether too little speaks for that label to assign it.

    Where the model did not write a label that is probable, the sentence is the label's description and the
    cosine that of the whole document to it; `log_probability` is None then.
    """

    text: str
    match: Match
    log_probability: float | None  # mean a token
    abstained: bool
    probability: float | None = None  # that the document carries the label; None where nothing was trained
    zero_shot: bool = False  # whether the label was added after training, so that its description is all one knows

    @property
    def written(self) -> bool:
        """Whether a model wrote it."""
        return self.log_probability is not None


class Neighbour(NamedTuple):
    """A training document that had a say in the probabilities, by its id, and its cosine with the document."""

    id: str
    cosine: float


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """Evidence and decision for one document. `labels` are unique, in the order of the sentences."""

    text: str
    sentences: tuple[SentenceResult, ...]
    labels: tuple[str, ...]
    threshold: float
    rule: DecisionRule = WRITTEN_ONLY
    neighbours: tuple[Neighbour, ...] = ()  # the nearest first; none where a model was trained without
    cut_at: int | None = None  # tokens after which the model reads nothing, where the document reaches them

    @property
    def untrained(self) -> tuple[str, ...]:
        """Those of the labels that were added after training."""
        added = {item.match.label for item in self.sentences if item.zero_shot}
        return tuple(name for name in self.labels if name in added)

    def decide(self, threshold: float, rule: DecisionRule | None = None) -> DocumentResult:
        """Decide again at another threshold, or by another rule that decides no more labels; nothing is generated.

        Raises:
            ConfigError: the threshold lies outside [-1, 1].
        """
        threshold, rule = check_threshold(threshold), rule or self.rule
        return judged(self.text, self.sentences, threshold, rule, self.neighbours, cut_at=self.cut_at)


def judged(
    text: str, sentences: Iterable[SentenceResult], threshold: float, rule: DecisionRule = WRITTEN_ONLY,
    neighbours: tuple[Neighbour, ...] = (), *, cut_at: int | None = None,
) -> DocumentResult:  # fmt: skip
    """The result of these sentences: which of them abstain, and the labels of the others.

    A sentence that is less near to its label than the threshold says nothing for it: the label is given where it is
    probable enough without.
    """

    def abstained(item: SentenceResult) -> bool:
        near = item.match.cosine >= threshold
        if item.probability is None:
            return not near
        if item.written and near:
            return item.probability < (min(rule.written, rule.added) if item.zero_shot else rule.written)
        return item.probability <= (rule.added if item.zero_shot else rule.unwritten)

    answered = tuple(dataclasses.replace(item, abstained=abstained(item)) for item in sentences)
    labels = tuple(dict.fromkeys(item.match.label for item in answered if not item.abstained))
    return DocumentResult(text, answered, labels, threshold, rule, neighbours, cut_at)
