"""What a model said about one document: its sentences, the labels nearest to them, and how near."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.components import markup
from lagamc.decision import DecisionRule

if TYPE_CHECKING:
    from app.services.classification import SentenceRow

__all__ = ["evidence", "origin", "rule_in_words"]

HEADERS = ("Generated sentence", "Label", "Cosine", "Runner-up", "Cosine", "Margin", "Probability")
RANKED_HEADERS = ("Stored description", *HEADERS[1:-1])
UNWRITTEN = "Not written, but probable: {}"
UNTRAINED = (
    "Untrained: nothing has been trained in this project yet. These are stored descriptions ranked by their "
    "cosine to the whole text, not generated sentences. Train a model to get those."
)


def evidence(rows: Iterable[SentenceRow], threshold: float, *, trained: bool) -> str:
    """Lay out the sentences in order; abstained ones are muted and say why."""
    return markup.table(
        HEADERS if trained else RANKED_HEADERS,
        (_row(row, threshold, trained=trained) for row in rows),
        empty="The model generated no sentence for this text, and no label is probable without one.",
        numeric=(2, 4, 5, 6),
    )


def origin(model_name: str, *, trained: bool) -> str:
    """Say which model version answered; an untrained answer gets a banner."""
    if not trained:
        return markup.note(UNTRAINED, "warning")
    return str(Markup('<p class="lg-muted">Answered by <b>{}</b></p>').format(model_name))


def rule_in_words(rule: DecisionRule) -> str:
    """Say from which probability on a label is given; nothing where the sentences alone decide."""
    if rule == DecisionRule():
        return ""
    text = f"A label whose description was written is given from a probability of {rule.written:.2f} on"
    if rule.unwritten < 1:
        text += f", one whose description was not above {rule.unwritten:.2f}"
    return markup.note(f"{text}. Both were chosen on the dev documents.", "plain")


def _row(row: SentenceRow, threshold: float, *, trained: bool) -> markup.Row:
    label = row.label
    if row.abstained:
        label = f"— abstained ({'nearest' if row.cosine < threshold else 'improbable'}: {row.label})"
    written = row.log_probability is not None
    return markup.Row(
        [
            row.sentence if written or not trained else UNWRITTEN.format(row.sentence),
            label,
            markup.score(row.cosine),
            row.runner_up or markup.NOTHING,
            markup.score(row.runner_up_cosine),
            markup.score(row.margin),
            *([markup.score(row.probability)] if trained else []),
        ],
        kind="lg-abstained" if row.abstained else "",
    )
