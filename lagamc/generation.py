"""Free-running generation: the model sees its own output, never the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from lagamc.backbones import Backbone
from lagamc.errors import Cancelled

__all__ = ["Generated", "GeneratedSentence", "generate"]

Progress = Callable[[int, int], None]  # (documents done, documents in all)


@dataclass(frozen=True, slots=True)
class GeneratedSentence:
    """One sentence as the model wrote it, and the mean log-probability of its tokens and its end."""

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model wrote for one document."""

    sentences: tuple[GeneratedSentence, ...]


def generate(
    backbone: Backbone,
    texts: Sequence[str],
    descriptions: Tensor,
    *,
    max_new_tokens: int,
    batch_size: int = 32,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Generated]:
    """Greedy free-running generation, in batches of like length, results in input order.

    Args:
        backbone: the model, put into evaluation mode meanwhile.
        texts: documents.
        descriptions: (L, D) embeddings of the label set's descriptions by the backbone's encoder.
        max_new_tokens: where a text that does not end is cut.
        batch_size: documents generated for at a time.
        progress: told of documents done and in all, after each batch.
        cancelled: asked before each batch.

    Raises:
        Cancelled: `cancelled` returned true between two batches.
    """
    prompts = backbone.tokenize(texts) if texts else []
    order = sorted(range(len(texts)), key=lambda index: len(prompts[index]))
    results: dict[int, Generated] = {}
    was_training = backbone.training
    backbone.eval()
    try:
        for start in range(0, len(order), batch_size):
            if cancelled is not None and cancelled():
                raise Cancelled(f"Stopped after {len(results):,} of {len(texts):,} documents.")
            rows = order[start : start + batch_size]
            batch = _generate_batch(
                backbone, [texts[row] for row in rows], [prompts[row] for row in rows], descriptions, max_new_tokens
            )
            results.update(zip(rows, batch, strict=True))
            if progress is not None:
                progress(len(results), len(texts))
    finally:
        backbone.train(was_training)
    return [results[index] for index in range(len(texts))]


@torch.inference_mode()
def _generate_batch(
    backbone: Backbone,
    texts: Sequence[str],
    prompts: Sequence[Sequence[int]],
    descriptions: Tensor,
    max_new_tokens: int,
) -> list[Generated]:
    pad = backbone.tokenizer.pad_token_id
    width = max(map(len, prompts))
    input_ids = torch.tensor([[*ids, *[pad] * (width - len(ids))] for ids in prompts], device=backbone.device)
    settings = GenerationConfig(
        do_sample=False, num_beams=1, max_new_tokens=max_new_tokens, pad_token_id=backbone.pad_slot,
        eos_token_id=backbone.end_slot, decoder_start_token_id=backbone.start_slot,
        return_dict_in_generate=True, output_logits=True,
    )  # fmt: skip
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in prompts], device=backbone.device)
    states, mask, _ = backbone.recall(backbone.read(input_ids, mask), mask, texts, descriptions.to(backbone.device))
    encoded = BaseModelOutput(last_hidden_state=states)
    output = backbone.generator.generate(encoder_outputs=encoded, attention_mask=mask, generation_config=settings)
    written = output.sequences[:, 1:]  # (B, U), without the start
    chosen = [
        step.float().log_softmax(dim=-1).gather(1, written[:, position, None])
        for position, step in enumerate(output.logits)
    ]
    return [
        Generated(tuple(_sentences(backbone, slots, scores)))
        for slots, scores in zip(written.tolist(), torch.cat(chosen, dim=1).tolist(), strict=True)
    ]


def _sentences(backbone: Backbone, slots: list[int], scores: list[float]) -> Iterator[GeneratedSentence]:
    """Split one output at its separators; stop at its end."""
    start = 0
    for position, slot in enumerate([*slots, backbone.end_slot]):
        if slot not in (backbone.separator_slot, backbone.end_slot):
            continue
        text = backbone.sentence_text(slots[start:position])
        if text:
            own = scores[start : position + 1]
            yield GeneratedSentence(text, sum(own) / len(own))
        if slot == backbone.end_slot:
            return
        start = position + 1
