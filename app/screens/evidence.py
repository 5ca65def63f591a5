"""What a model said about one document: its sentences, the labels nearest to them, and how near."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.components import markup
from lagamc.decision import DecisionRule
from lagamc.errors import few

if TYPE_CHECKING:
    from app.services.answer_view import NeighbourRow, SentenceRow

__all__ = ["added_labels", "evidence", "excerpt", "neighbours", "origin", "rule_in_words"]

HEADERS = ("Generated sentence", "Label", "Cosine", "Runner-up", "Cosine", "Margin", "Probability")
RANKED_HEADERS = ("Stored description", *HEADERS[1:-1])
UNWRITTEN = "Not written, but probable: {}"
ZERO_SHOT = "Probable by its description alone, which the model never learnt to write: {}"
NEIGHBOURS = (
    "The labels that these and the next ones like it carry have a say in each probability, beside how near the text is "
    "to the label's description. One that is wrong here misleads the model: select the document to correct it in "
    "Review, then train again."
)
MAX_EXCERPT_CHARACTERS = 110
UNTRAINED = (
    "Untrained: nothing has been trained in this project yet. These are stored descriptions ranked by their "
    "cosine to the whole text, not generated sentences. Train a model to get those."
)


def evidence(
    rows: Iterable[SentenceRow],
    threshold: float,
    colours: Mapping[str, str],
    *,
    trained: bool,
    added: Collection[str] = (),
) -> str:
    """Lay out the sentences in order, labels with their colours; abstained ones are muted and say why.

    Labels that were `added` after training are marked as untrained, and those retired since as such.
    """
    return markup.table(
        HEADERS if trained else RANKED_HEADERS,
        (_row(row, threshold, colours, added, trained=trained) for row in rows),
        empty="The model generated no sentence for this text, and no label is probable without one.",
        numeric=(2, 4, 5, 6),
    )


def neighbours(rows: Iterable[NeighbourRow], colours: Mapping[str, str]) -> str:
    """Lay out the training documents most like a text, with the labels that they carry; nothing without any.

    The key of a row is the id of its document.
    """
    laid_out = [
        markup.Row([_called(row), markup.chips(row.labels, colours), markup.score(row.cosine)], key=row.document_id)
        for row in rows
    ]
    if not laid_out:
        return ""
    table = markup.table(("Training documents most like it", "Labels", "Cosine"), laid_out, empty="", numeric=[2])
    return table + markup.note(NEIGHBOURS, "plain")


def _called(row: NeighbourRow) -> Markup:
    return Markup('{} <span class="lg-muted">{}</span>').format(excerpt(row.text), row.external_id)


def excerpt(text: str) -> str:
    """The first words of a text, for a row."""
    return text if len(text) <= MAX_EXCERPT_CHARACTERS else f"{text[:MAX_EXCERPT_CHARACTERS]}…"


def origin(model_name: str, *, trained: bool) -> str:
    """Say which model version answered; an untrained answer gets a banner."""
    if not trained:
        return markup.note(UNTRAINED, "warning")
    return str(Markup('<p class="lg-muted">Answered by <b>{}</b></p>').format(model_name))


def rule_in_words(rule: DecisionRule) -> str:
    """Say from which probability on a label is given; nothing where the sentences alone decide."""
    if (rule.written, rule.unwritten) == (0.0, 1.0):
        return ""
    text = f"A label whose description was written is given from a probability of {rule.written:.2f} on"
    if rule.unwritten < 1:
        text += f", one whose description was not above {rule.unwritten:.2f}"
    return markup.note(f"{text}. Both were chosen on the dev documents.", "plain")


def added_labels(names: Sequence[str], rule: DecisionRule) -> str:
    """Say which labels the model that answers was not trained on; nothing where it knows them all."""
    if not names:
        return ""
    return markup.note(
        f"Added since this version was trained, and known by description alone: {few(names)}. Such a label is "
        f"given above a probability of {rule.added:.2f}. Train again to have its description written.",
        "plain",
    )


def _row(
    row: SentenceRow, threshold: float, colours: Mapping[str, str], added: Collection[str], *, trained: bool
) -> markup.Row:
    def marked(name: str, *, untrained: bool = False) -> str:
        return f"{name} (untrained)" if untrained or name in added else name

    label = marked(row.label, untrained=row.zero_shot) + (" (retired)" if row.retired else "")
    if row.abstained:
        label = f"— abstained ({'nearest' if row.cosine < threshold else 'improbable'}: {label})"
    sentence = row.sentence
    if trained and row.log_probability is None:
        sentence = (ZERO_SHOT if row.zero_shot else UNWRITTEN).format(sentence)
    return markup.Row(
        [
            sentence,
            markup.dot(colours.get(row.label, "")) + label,
            markup.score(row.cosine),
            marked(row.runner_up) if row.runner_up else markup.NOTHING,
            markup.score(row.runner_up_cosine),
            markup.score(row.margin),
            *([markup.score(row.probability)] if trained else []),
        ],
        kind="lg-abstained" if row.abstained else "",
    )
