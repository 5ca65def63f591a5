"""What a model said about one document: its sentences, the labels nearest to them, and how near."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.components import markup

if TYPE_CHECKING:
    from app.services.classification import SentenceRow

__all__ = ["evidence", "origin"]

HEADERS = ("Generated sentence", "Label", "Cosine", "Runner-up", "Cosine", "Margin")
RANKED_HEADERS = ("Stored description", *HEADERS[1:])
UNTRAINED = (
    "Untrained: nothing has been trained in this project yet. These are stored descriptions ranked by their "
    "cosine to the whole text, not generated sentences. Train a model to get those."
)


def evidence(rows: Iterable[SentenceRow], *, trained: bool) -> str:
    """Lay out the sentences in order; abstained ones are muted and say so."""
    return markup.table(
        HEADERS if trained else RANKED_HEADERS,
        (_row(row) for row in rows),
        empty="The model generated no sentence for this text.",
        numeric=(2, 4, 5),
    )


def origin(model_name: str, *, trained: bool) -> str:
    """Say which model version answered; an untrained answer gets a banner."""
    if not trained:
        return markup.note(UNTRAINED, "warning")
    return str(Markup('<p class="lg-muted">Answered by <b>{}</b></p>').format(model_name))


def _row(row: SentenceRow) -> markup.Row:
    label = f"— abstained (nearest: {row.label})" if row.abstained else row.label
    return markup.Row(
        [
            row.sentence,
            label,
            markup.score(row.cosine),
            row.runner_up or markup.NOTHING,
            markup.score(row.runner_up_cosine),
            markup.score(row.margin),
        ],
        kind="lg-abstained" if row.abstained else "",
    )
