"""Documents a second of the decoder that guesses descriptions, against transformers' greedy `generate`.

    python benchmarks/decoding.py MODEL_FOLDER
    python benchmarks/decoding.py MODEL_FOLDER --data FOLDER      # with a test file, as benchmarks/accuracy.py has
    python benchmarks/decoding.py t5-base        # the shape of T5-Base, taught in minutes to write descriptions

All sides read the same documents in the same batches with the same weights, in turns in one process; all times
include the encoder. Greedy `generate` runs on the model as it was loaded; all others on one whose adapters, if it has
any, are part of its weights. Of the embedded family, constrained generation and a classifier on the same
encoder (a sigmoid layer on the pooled states) take turns too. Ends with an error where an output of free-running
generation differs in a token. Writes docs/results/decoding-COLLECTION.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import t5_base
import torch
from accuracy import DEMO, RUNS, demo_corpora, read_split
from commandline import origin, print_table, write_results
from torch import Tensor, nn
from transformers import GenerationConfig
from transformers.generation.utils import GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput
from transformers.modeling_outputs import BaseModelOutput

from lagamc.backbone import Backbone
from lagamc.backbones import load_backbone
from lagamc.checkpoint import verify_model_folder
from lagamc.config import TrainingConfig
from lagamc.generation import Generated, generate

BATCH_SIZES = (1, 32)


@dataclass(frozen=True, slots=True)
class Subject:
    """A trained model and what it reads."""

    plain: Backbone  # as it was loaded
    backbone: Backbone  # as it answers
    texts: list[str]
    descriptions: Tensor  # (L, D)
    max_new_tokens: int
    collection: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="the model folder that a run wrote, or t5-base")
    parser.add_argument("--data", type=Path, help="folder with a test file; without it the demo project's test split")
    parser.add_argument("--documents", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5, help="at least 5 are made")
    options = parser.parse_args()
    subject = taught_t5(options.documents) if options.model == "t5-base" else trained(options)
    report = {
        **origin("torch", "transformers", threads=torch.get_num_threads()),
        "collection": subject.collection,
        "documents": len(subject.texts),
        "labels": len(subject.descriptions),
        "batches": [compared(subject, max(5, options.repeats), batch_size) for batch_size in BATCH_SIZES],
    }
    write_results(f"decoding-{subject.collection}", report)
    show(report)


def trained(options: argparse.Namespace) -> Subject:
    folder = Path(options.model)
    manifest, label_set = verify_model_folder(folder)
    config = dataclasses.replace(TrainingConfig.from_dict(manifest.config), device="cpu")
    plain, backbone = (load_backbone(folder, config, label_set).eval() for _ in range(2))
    backbone.merge_adapters()
    corpus = read_split(options.data, "test") if options.data else demo_corpora()["test"]
    texts = [example.text for example in corpus][: options.documents]
    descriptions = plain.encoder.encode(label_set.descriptions)
    return Subject(plain, backbone, texts, descriptions, manifest.max_new_tokens, (options.data or DEMO).name)


def taught_t5(documents: int) -> Subject:
    plain, texts = t5_base.taught(RUNS / "t5-base" / "model.safetensors")
    backbone, _ = t5_base.taught(RUNS / "t5-base" / "model.safetensors")
    backbone.merge_adapters()
    descriptions = plain.encoder.encode(t5_base.DESCRIPTIONS)
    return Subject(plain, backbone, texts[:documents], descriptions, backbone.longest_target(4), "t5-base")


def compared(subject: Subject, repeats: int, batch_size: int) -> dict[str, Any]:
    """Figures at one batch size, after making sure that lagamc and transformers write the same."""
    options = {"max_new_tokens": subject.max_new_tokens, "batch_size": batch_size}
    given = subject.backbone, subject.texts, subject.descriptions
    as_loaded = subject.plain, *given[1:]
    written, expected = generate(*given, **options), greedy(*as_loaded, **options)
    for text, new, old in zip(subject.texts, written, expected, strict=True):
        if list(new.slots) != old:
            raise SystemExit(f"The outputs differ for {text!r} with {options}:\n{new.slots}\n{old}")
    passes = [document.passes for document in written]
    sides: dict[str, Callable[[], object]] = {
        "free_running": lambda: generate(*given, **options),
        "greedy": lambda: greedy(*as_loaded, **options),
    }
    figures: dict[str, Any] = {
        **options,
        "passes_per_document": round(statistics.mean(passes), 2),
        "most_passes": max(passes),
        "slots_per_document": round(statistics.mean(len(document.slots) for document in written), 1),
        "repeats": repeats,
    }
    if subject.backbone.family == "embedded":
        layer = nn.Linear(subject.descriptions.shape[1], len(subject.descriptions))
        sides["constrained"] = lambda: generate(*given, **options, constrained=True)
        sides["encoder_only"] = lambda: classified(subject.backbone, layer, subject.texts, batch_size)
        constrained = generate(*given, **options, constrained=True)
        same = [said(new) == said(old) for new, old in zip(constrained, written, strict=True)]
        figures["constrained_agreement"] = round(statistics.mean(same), 3)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):  # in turns, so that a busy machine slows all
        for name, work in sides.items():
            times[name].append(seconds(work))
    for name, own in times.items():
        figures[f"documents_per_second_{name}"] = round(len(subject.texts) / statistics.median(own), 1)
    pairs = {"ratio": ("greedy", "free_running"), "free_running_over_encoder_only": ("encoder_only", "free_running"),
             "constrained_over_encoder_only": ("encoder_only", "constrained")}  # fmt: skip
    for name, (other, own) in pairs.items():
        if other in times:
            ratios = [theirs / ours for theirs, ours in zip(times[other], times[own], strict=True)]
            figures[name] = round(statistics.median(ratios), 2)
    return figures


def said(document: Generated) -> set[str]:
    return {sentence.text for sentence in document.sentences}


@torch.inference_mode()
def classified(backbone: Backbone, layer: nn.Linear, texts: Sequence[str], batch_size: int) -> list[list[int]]:
    """Labels above one half by a sigmoid layer on the encoder's pooled states, in the batches that lagamc makes."""
    prompts = backbone.tokenize(texts)
    order = sorted(range(len(texts)), key=lambda row: len(prompts[row]))
    labels: dict[int, list[int]] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = backbone.tokenizer.pad({"input_ids": [prompts[row] for row in rows]}, return_tensors="pt")
        states = backbone.read(batch["input_ids"], batch["attention_mask"])
        chosen = layer(backbone.encoder.pool(states, batch["attention_mask"])).sigmoid() > 0.5
        labels.update(zip(rows, (row.nonzero().flatten().tolist() for row in chosen), strict=True))
    return [labels[row] for row in range(len(texts))]


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@torch.inference_mode()
def greedy(
    backbone: Backbone, texts: Sequence[str], descriptions: Tensor, *, max_new_tokens: int, batch_size: int
) -> list[list[int]]:
    """Output slots by transformers' `generate` with its cache, in the batches that lagamc makes; the end included."""
    settings = GenerationConfig(
        do_sample=False, num_beams=1, max_new_tokens=max_new_tokens, pad_token_id=backbone.pad_slot,
        eos_token_id=backbone.end_slot, decoder_start_token_id=backbone.start_slot, use_cache=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    prompts = backbone.tokenize(texts)
    order = sorted(range(len(texts)), key=lambda row: len(prompts[row]))
    outputs: dict[int, list[int]] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = [prompts[row] for row in rows]
        if backbone.family == "causal":
            written = _continued(backbone, batch, settings)
        else:
            written = _answered(backbone, batch, [texts[row] for row in rows], descriptions, settings)
        for row, slots in zip(rows, written.tolist(), strict=True):
            outputs[row] = slots[: slots.index(backbone.end_slot) + 1] if backbone.end_slot in slots else slots
    return [outputs[row] for row in range(len(texts))]


def _answered(
    backbone: Backbone, prompts: Sequence[list[int]], texts: Sequence[str], descriptions: Tensor,
    settings: GenerationConfig,
) -> Tensor:  # fmt: skip
    """What an encoder-decoder model writes: (B, T)."""
    batch = backbone.tokenizer.pad({"input_ids": prompts}, padding_side="right", return_tensors="pt")
    mask = batch["attention_mask"].to(backbone.device)
    states, mask, _, _ = backbone.recall(
        backbone.read(batch["input_ids"].to(backbone.device), mask), mask, texts, descriptions.to(backbone.device)
    )
    given = BaseModelOutput(last_hidden_state=states)
    output = backbone.generator.generate(encoder_outputs=given, attention_mask=mask, generation_config=settings)
    return cached(output)[:, 1:]


def _continued(backbone: Backbone, prompts: Sequence[list[int]], settings: GenerationConfig) -> Tensor:
    """What a causal model writes after prompts padded on the left, as transformers wants them."""
    whole = [[*ids, backbone.start_slot] for ids in prompts]
    width = max(map(len, whole))
    padding = [width - len(ids) for ids in whole]
    rows = [[backbone.pad_slot] * empty + ids for empty, ids in zip(padding, whole, strict=True)]
    mask = [[0] * empty + [1] * (width - empty) for empty in padding]
    output = backbone.generator.generate(
        input_ids=torch.tensor(rows, device=backbone.device),
        attention_mask=torch.tensor(mask, device=backbone.device), generation_config=settings,
    )  # fmt: skip
    return cached(output)[:, width:]


def cached(output: GenerateDecoderOnlyOutput | GenerateEncoderDecoderOutput) -> Tensor:
    """The sequences (B, T). Ends with an error where a model was asked without a cache, which its settings can do."""
    if output.cache is None:
        raise SystemExit("transformers generated without a key-value cache: no fair comparison.")
    return output.sequences


def show(report: dict[str, Any]) -> None:
    batches = report["batches"]
    title = f"{report['collection']}, {report['documents']} documents, {report['labels']} labels"
    print_table(report, [
        {title: name, **{f"batch {row['batch_size']}": row[name] for row in batches}} for name in batches[0]
    ])  # fmt: skip


if __name__ == "__main__":
    main()
