"""Free-running generation: the model sees its own output, never the target.

Nearly every token that a trained model writes follows from the label set, so a whole target is guessed and then
checked in one decoder pass. The model's own greedy choices decide; the output is the one that writing token by
token gives. *Constrained* generation asks the model only where descriptions branch: less work, another output
wherever the model would have said something else than a description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lagamc.backbone import Backbone, Recalled
from lagamc.decoder import Decoder
from lagamc.draft import ConstrainedDraft, Draft, Question
from lagamc.errors import Cancelled
from lagamc.token_rows import padded

__all__ = ["Generated", "GeneratedSentence", "document_embeddings", "generate", "label_log_odds"]


@dataclass(frozen=True, slots=True)
class GeneratedSentence:
    """One sentence as the model wrote it, and the mean log-probability of its tokens and its end."""

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model wrote for one document, in how many decoder passes, and what the document-to-description
    term says of it.
    """

    sentences: tuple[GeneratedSentence, ...]
    prompt_tokens: int
    slots: tuple[int, ...]  # output slots, the end included
    passes: int
    log_odds: NDArray[np.float32]  # (L,) that the document carries a label
    embedding: Tensor  # (D,) of the document, float32 on the CPU


def generate(
    backbone: Backbone,
    texts: Sequence[str],
    descriptions: Tensor,
    *,
    max_new_tokens: int,
    batch_size: int = 32,
    constrained: bool = False,
) -> list[Generated]:
    """Greedy free-running generation, in batches of like length, results in input order.

    Args:
        backbone: the model, put into evaluation mode meanwhile.
        texts: documents.
        descriptions: (L, D) embeddings of the label set's descriptions by the backbone's encoder.
        max_new_tokens: where a text that does not end is cut.
        batch_size: documents generated for at a time.
        constrained: whether the output is made of descriptions alone, each at most once.
    """
    results: dict[int, Generated] = {}
    was_training = backbone.training
    if was_training:  # going through all modules takes a seventh of the time of one short text
        backbone.eval()
    try:
        for rows, prompts in _alike(backbone, texts, batch_size):
            batch = _generate_batch(
                backbone, [texts[row] for row in rows], prompts, descriptions, max_new_tokens,
                kind=ConstrainedDraft if constrained else Draft,
            )  # fmt: skip
            results.update(zip(rows, batch, strict=True))
    finally:
        if was_training:
            backbone.train()
    return [results[index] for index in range(len(texts))]


@torch.inference_mode()
def label_log_odds(
    backbone: Backbone, texts: Sequence[str], descriptions: Tensor, *, batch_size: int = 32,
    cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:  # fmt: skip
    """Log-odds (N, L) that N documents carry L labels by the description term; nothing is generated.

    The backbone is to be in evaluation mode.

    Raises:
        Cancelled: on request.
    """
    documents = document_embeddings(backbone, texts, batch_size=batch_size, cancelled=cancelled)
    log_odds: Tensor = backbone.scorer(documents.to(backbone.device), descriptions.to(backbone.device))
    return log_odds.float().cpu().numpy()


@torch.inference_mode()
def document_embeddings(
    backbone: Backbone, texts: Sequence[str], *, batch_size: int = 32, cancelled: Callable[[], bool] = lambda: False
) -> Tensor:
    """Embeddings (N, D) of N documents as the description term has them, unit length, float32 on the CPU.

    The backbone is to be in evaluation mode.

    Raises:
        Cancelled: on request.
    """
    found: dict[int, Tensor] = {}
    for rows, prompts in _alike(backbone, texts, batch_size):
        if cancelled():
            raise Cancelled(f"Cancelled after {len(found)} of {len(texts)} documents were embedded.")
        ids, mask = padded(prompts, backbone.tokenizer.pad_token_id, device=backbone.device)
        documents = backbone.embed(ids, mask, [texts[row] for row in rows])
        found.update(zip(rows, documents.float().cpu(), strict=True))
    return torch.stack([found[row] for row in range(len(texts))])


@torch.inference_mode()
def _generate_batch(
    backbone: Backbone,
    texts: Sequence[str],
    prompts: Sequence[Sequence[int]],
    descriptions: Tensor,
    max_new_tokens: int,
    *,
    kind: type[Draft],
) -> list[Generated]:
    states, mask, documents, log_odds = _recalled(backbone, texts, prompts, descriptions)
    likely, documents = log_odds.float().cpu().numpy(), documents.float().cpu()
    drafts = [
        kind(
            backbone.trie, odds, separator=backbone.separator_slot, end=backbone.end_slot,
            max_slots=min(max_new_tokens, backbone.max_positions),
        )
        for odds in likely
    ]  # fmt: skip
    guesses = [draft.guess() for draft in drafts]
    for rows in _grouped(list(map(len, guesses)), backbone.padding_of_a_pass):
        own = mask[rows]
        used = own.any(dim=0)  # places that are padding in all of these rows are left out
        decoder = backbone.decoder(states[rows][:, used], own[:, used])
        _write(decoder, [drafts[row] for row in rows], [guesses[row] for row in rows], backbone.start_slot)
    return [
        Generated(tuple(_sentences(backbone, draft)), len(prompt), tuple(draft.slots), draft.passes, *compared)
        for draft, prompt, *compared in zip(drafts, prompts, likely, documents, strict=True)
    ]


def _grouped(lengths: Sequence[int], padding: int) -> Iterator[list[int]]:
    """The rows in groups; as long as the longest of its group, its rows would take up to `padding` slots more."""
    group: list[int] = []
    spare = longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        spare += longest - lengths[row]
        if group and spare > padding:
            yield group
            group = []
        if not group:
            spare, longest = 0, lengths[row]
        group.append(row)
    yield group


def _write(decoder: Decoder, writing: Sequence[Draft], guesses: Sequence[Sequence[int]], start_slot: int) -> None:
    """Check guesses, write down what stands, guess again, until all drafts end; row i writes the i-th draft."""
    while writing:
        questions = [draft.questions(guess) for draft, guess in zip(writing, guesses, strict=True)]
        last = [draft.slots[-1] if draft.slots else start_slot for draft in writing]
        logits = decoder.feed(
            [[slot, *guess] for slot, guess in zip(last, guesses, strict=True)],
            [[question.place for question in own] for own in questions],
        )
        agreed = list(map(Draft.accept, writing, guesses, _answers(questions, logits)))
        going = [row for row, draft in enumerate(writing) if not draft.finished]
        if going:
            decoder.keep(going, [1 + agreed[row] for row in going])
        writing = [writing[row] for row in going]
        guesses = [draft.guess() for draft in writing]


def _answers(questions: Sequence[Sequence[Question]], logits: Tensor) -> Iterator[list[tuple[int, int, float]]]:
    """Place, slot and log-probability of the likeliest choice for each question; logits (Q, V) are used up."""
    asked = enumerate(question.choices for own in questions for question in own)
    limited = {number: slots for number, slots in asked if slots is not None}
    if limited:
        numbers, sizes = np.array(list(limited)), [len(slots) for slots in limited.values()]
        allowed = torch.zeros_like(logits)
        allowed[numbers] = -torch.inf
        allowed[np.repeat(numbers, sizes), np.concatenate(list(limited.values()))] = 0.0
        logits = logits + allowed
    best = logits.max(dim=-1)
    mass = logits.sub_(best.values.unsqueeze(-1)).exp_().sum(dim=-1)  # in place: thousands of labels fill megabytes
    answers = zip(best.indices.tolist(), (-mass.log()).tolist(), strict=True)
    for own in questions:
        yield [(question.place, *next(answers)) for question in own]


def _alike(backbone: Backbone, texts: Sequence[str], batch_size: int) -> Iterator[tuple[list[int], list[list[int]]]]:
    """Rows of the texts and their prompts, in batches of like length."""
    prompts = backbone.tokenize(texts) if texts else []
    order = sorted(range(len(texts)), key=lambda index: len(prompts[index]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield rows, [prompts[row] for row in rows]


def _recalled(
    backbone: Backbone, texts: Sequence[str], prompts: Sequence[Sequence[int]], descriptions: Tensor
) -> Recalled:
    ids, mask = padded(prompts, backbone.tokenizer.pad_token_id, device=backbone.device)
    return backbone.recall(backbone.read(ids, mask), mask, texts, descriptions.to(backbone.device))


def _sentences(backbone: Backbone, draft: Draft) -> Iterator[GeneratedSentence]:
    """The sentences of one output."""
    for first, last, text in backbone.sentences(draft.spoken):
        own = draft.scores[first : last + 1]
        yield GeneratedSentence(text, sum(own) / len(own))
