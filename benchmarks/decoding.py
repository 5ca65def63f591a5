"""Documents a second of the decoder that guesses descriptions, against transformers' greedy `generate`.

    python benchmarks/decoding.py MODEL_FOLDER
    python benchmarks/decoding.py MODEL_FOLDER --data FOLDER      # with a test file, as benchmarks/accuracy.py has
    python benchmarks/decoding.py MODEL_FOLDER --documents 128 --repeats 7

Both sides read the same documents in the same batches with the same weights, in turns in one process; both times
include the encoder. Ends with an error where an output differs in a token. Writes docs/results/decoding.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accuracy import DEMO, demo_corpora, read_split
from torch import Tensor
from transformers import GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from lagamc.backbone import Backbone
from lagamc.backbones import load_backbone
from lagamc.checkpoint import verify_model_folder
from lagamc.config import TrainingConfig
from lagamc.generation import generate

RESULTS = Path(__file__).parent.parent / "docs" / "results"
BATCH_SIZES = (1, 32)
PACKAGES = ("torch", "transformers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the model folder that a run wrote")
    parser.add_argument("--data", type=Path, help="folder with a test file; without it the demo project's test split")
    parser.add_argument("--documents", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    manifest, label_set = verify_model_folder(options.model)
    backbone = load_backbone(options.model, TrainingConfig.from_dict(manifest.config), label_set).eval()
    descriptions = backbone.encoder.encode(label_set.descriptions)
    corpus = read_split(options.data, "test") if options.data else demo_corpora()["test"]
    texts = [example.text for example in corpus][: options.documents]

    rows = [
        compared(
            backbone, texts, descriptions, repeats=max(5, options.repeats),
            max_new_tokens=manifest.max_new_tokens, batch_size=batch_size,
        )
        for batch_size in BATCH_SIZES
    ]  # fmt: skip
    report = {
        "command": f"python benchmarks/decoding.py {options.model.name}",
        "collection": (options.data or DEMO).name,
        "documents": len(texts),
        "labels": len(label_set),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} of {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "versions": {package: version(package) for package in PACKAGES},
        "batches": rows,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "decoding.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    show(report)


def compared(
    backbone: Backbone, texts: Sequence[str], descriptions: Tensor, *, repeats: int, **options: int
) -> dict[str, Any]:
    """Figures at one batch size, after making sure that both sides write the same."""
    written = generate(backbone, texts, descriptions, **options)
    expected = greedy(backbone, texts, descriptions, **options)
    for text, new, old in zip(texts, written, expected, strict=True):
        if list(new.slots) != old:
            raise SystemExit(f"The outputs differ for {text!r} with {options}:\n{new.slots}\n{old}")
    ours, theirs = [], []
    for _ in range(repeats):  # in turns, so that a busy machine slows both
        ours.append(seconds(lambda: generate(backbone, texts, descriptions, **options)))
        theirs.append(seconds(lambda: greedy(backbone, texts, descriptions, **options)))
    passes = [document.passes for document in written]
    return {
        **options,
        "documents_per_second": round(len(texts) / statistics.median(ours), 1),
        "documents_per_second_greedy": round(len(texts) / statistics.median(theirs), 1),
        "ratio": round(statistics.median(old / new for new, old in zip(ours, theirs, strict=True)), 2),
        "passes_per_document": round(statistics.mean(passes), 2),
        "most_passes": max(passes),
        "slots_per_document": round(statistics.mean(len(document.slots) for document in written), 1),
        "repeats": repeats,
    }


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
        eos_token_id=backbone.end_slot, decoder_start_token_id=backbone.start_slot,
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
    """What an encoder-decoder model writes."""
    batch = backbone.tokenizer.pad({"input_ids": prompts}, padding_side="right", return_tensors="pt")
    mask = batch["attention_mask"].to(backbone.device)
    states, mask, _ = backbone.recall(
        backbone.read(batch["input_ids"].to(backbone.device), mask), mask, texts, descriptions.to(backbone.device)
    )
    return backbone.generator.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=mask, generation_config=settings
    )[:, 1:]


def _continued(backbone: Backbone, prompts: Sequence[list[int]], settings: GenerationConfig) -> Tensor:
    """What a causal model writes after prompts padded on the left, as transformers wants them."""
    whole = [[*ids, backbone.start_slot] for ids in prompts]
    width = max(map(len, whole))
    padding = [width - len(ids) for ids in whole]
    rows = [[backbone.pad_slot] * empty + ids for empty, ids in zip(padding, whole, strict=True)]
    mask = [[0] * empty + [1] * (width - empty) for empty in padding]
    return backbone.generator.generate(
        input_ids=torch.tensor(rows, device=backbone.device),
        attention_mask=torch.tensor(mask, device=backbone.device), generation_config=settings,
    )[:, width:]  # fmt: skip


def show(report: dict[str, Any]) -> None:
    print(f"\n{report['documents']} documents, {report['labels']} labels; {report['machine']}; {report['versions']}")
    print("batch  documents/s  generate  ratio  passes  (most)  slots a document")
    for row in report["batches"]:
        print(
            f"{row['batch_size']:5}  {row['documents_per_second']:11.1f}  {row['documents_per_second_greedy']:8.1f}  "
            f"{row['ratio']:5.2f}  {row['passes_per_document']:6.2f}  {row['most_passes']:6}  "
            f"{row['slots_per_document']:16.1f}"
        )


if __name__ == "__main__":
    main()
