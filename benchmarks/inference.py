"""Documents a second and dev F1 of the embedded backbone in the number formats and engines that a CPU offers.

    python benchmarks/inference.py MODEL_FOLDER
    python benchmarks/inference.py MODEL_FOLDER --data FOLDER     # of a model that learnt another collection
    python benchmarks/inference.py MODEL_FOLDER --repeats 5 --only float32 bfloat16

Every variant classifies a dev split with the same weights at batch size 32 and 1, in turns with
float32 in one process. Engines that are not installed are left out, and named. Writes docs/results/inference.json.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from accuracy import DEMO, demo_corpora, read_split
from commandline import origin, write_results

from lagamc.backbones import load_backbone
from lagamc.checkpoint import verify_model_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus
from lagamc.decision import DecisionRule
from lagamc.evaluation import evaluate_classifier
from lagamc.neighbours import Neighbours

PACKAGES = ("torch", "torchao", "onnxruntime", "openvino")
EXACT = {"float32", "torch.compile", "onnxruntime"}
NEAR = {True: 0.99999, False: 0.9}  # mean cosine of token states with those of float32
TIMED = {32: 64, 1: 20}  # batch size > documents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the model folder that a run wrote")
    parser.add_argument("--data", type=Path, help="folder with a dev file; without it the demo project's dev split")
    parser.add_argument("--repeats", type=int, default=5, help="at least 5 are made")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, help="variants to measure (default: all)")
    options = parser.parse_args()
    dev = read_split(options.data, "dev") if options.data else demo_corpora()["dev"]
    rows, missing = [], {}
    for name in options.only or VARIANTS:
        plain, other = (as_it_is(options.model) for _ in range(2))
        try:
            VARIANTS[name](other)
        except ImportError as error:
            missing[name] = str(error)
            continue
        check(name, plain, other, dev)
        rows.append({"variant": name, **measured(plain, other, dev, max(5, options.repeats))})
        print(rows[-1], flush=True)
    report = {
        **origin(*filter(installed, PACKAGES), threads=torch.get_num_threads()),
        "collection": (options.data or DEMO).name,
        "documents": len(dev),
        "variants": rows,
        "not_measured": missing,
    }
    write_results("inference", report)
    show(report)


def as_it_is(folder: Path) -> Classifier:
    """A trained model on the CPU, its weights as torch has them."""
    manifest, label_set = verify_model_folder(folder)
    config = dataclasses.replace(TrainingConfig.from_dict(manifest.config), device="cpu")
    if config.resolved_family != "embedded":
        raise SystemExit(f"The engines serve models of the embedded family; {folder.name} is {config.resolved_family}.")
    return Classifier(
        load_backbone(folder, config, label_set).eval(), label_set, max_new_tokens=manifest.max_new_tokens,
        threshold=manifest.threshold, rule=DecisionRule(**manifest.rule),
        neighbours=Neighbours.load(folder, len(label_set), share=config.neighbour_share),
    )  # fmt: skip


def float32(classifier: Classifier) -> None:
    """Nothing done, to see the noise."""
    classifier.backbone.float()


def bfloat16(classifier: Classifier) -> None:
    """The setting `precision`: the encoder's weights and matrix products in bfloat16, the decoder's in float32."""
    classifier.backbone.round_weights()


def int8(classifier: Classifier) -> None:
    """Linear layers of encoder and decoder with int8 weights and activations, quantised as they come."""
    from torch.ao.quantization import quantize_dynamic

    for part in (classifier.backbone.encoder.transformer.encoder, classifier.backbone.generator.decoder.bert.encoder):
        quantize_dynamic(part, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)


def compiled(classifier: Classifier) -> None:
    """The encoder under torch.compile, for any batch and length."""
    encoder = Encoder(classifier)
    encoder.compile(dynamic=True)
    classifier.backbone.read = encoder.__call__  # a module itself would not take the method's place


def onnxruntime(classifier: Classifier) -> None:
    """The encoder in ONNX Runtime; the decoder, which rewinds its cache, stays in torch."""
    with exported(classifier) as path:
        run_onnx(classifier, path)


def onnxruntime_int8(classifier: Classifier) -> None:
    """The same, its weights quantised to int8."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with exported(classifier) as path:
        small = path.with_name("int8.onnx")
        quantize_dynamic(path, small, weight_type=QuantType.QInt8)
        run_onnx(classifier, small)


def openvino(classifier: Classifier) -> None:
    """The encoder in OpenVINO, in the number format that it prefers on this processor."""
    import openvino as engine

    with exported(classifier) as path:
        settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"}
        model = engine.Core().compile_model(str(path), "CPU", settings)
    classifier.backbone.read = lambda ids, mask: torch.from_numpy(
        model({"input_ids": ids.numpy(), "mask": mask.numpy()})[0].copy()
    )


VARIANTS: dict[str, Callable[[Classifier], None]] = {
    "float32": float32, "bfloat16": bfloat16, "int8": int8, "torch.compile": compiled,
    "onnxruntime": onnxruntime, "onnxruntime int8": onnxruntime_int8, "openvino": openvino,
}  # fmt: skip


class Encoder(torch.nn.Module):
    """Token states as `Backbone.read` gives them, computed on padded rows by a copy of the transformer."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.transformer = copy.deepcopy(classifier.backbone.encoder.transformer)
        self.transformer.set_attn_implementation("sdpa")

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.transformer.embeddings(input_ids=input_ids)
        unseen = (1.0 - mask.to(hidden.dtype))[:, None, None] * -1e9  # (B, 1, 1, T)
        for layer in self.transformer.encoder.layer:
            hidden = layer(hidden, unseen)
        return hidden


@contextlib.contextmanager
def exported(classifier: Classifier) -> Iterator[Path]:
    """The encoder as an ONNX file, any batch and length."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        ids = torch.ones(2, 7, dtype=torch.long)
        axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", min=2, max=512)}
        torch.onnx.export(
            Encoder(classifier).eval(), (ids, ids.clone()), path, input_names=["input_ids", "mask"],
            dynamic_shapes={"input_ids": axes, "mask": axes}, dynamo=True, external_data=False,
        )  # fmt: skip
        yield path


def run_onnx(classifier: Classifier, path: Path) -> None:
    import onnxruntime as engine

    settings = engine.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = engine.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    classifier.backbone.read = lambda ids, mask: torch.from_numpy(
        session.run(None, {"input_ids": ids.numpy(), "mask": mask.numpy()})[0]
    )


@torch.inference_mode()
def check(name: str, plain: Classifier, other: Classifier, dev: Corpus) -> None:
    """End the run where the encoder's states are not those of float32, as near as the variant can be."""
    prompts = plain.backbone.tokenize([example.text for example in dev[:8]])
    batch = plain.backbone.tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    seen = mask.bool()
    expected, found = (classifier.backbone.read(ids, mask)[seen] for classifier in (plain, other))
    cosine = float(torch.nn.functional.cosine_similarity(expected, found, dim=-1).mean())
    if cosine < NEAR[name in EXACT]:
        raise SystemExit(f"The states of {name} have a mean cosine of {cosine:.4f} with those of float32.")


def measured(plain: Classifier, other: Classifier, dev: Corpus, repeats: int) -> dict[str, Any]:
    expected, found = (evaluate_classifier(classifier, dev) for classifier in (plain, other))
    pairs = zip(expected.results, found.results, strict=True)
    same = sum(set(one.labels) == set(another.labels) for one, another in pairs)
    texts = [example.text for example in dev]
    figures: dict[str, Any] = {
        "micro_f1": round(found.metrics.micro_f1, 4), "macro_f1": round(found.metrics.macro_f1, 4),
        "same_labels": round(same / len(dev), 4),
    }  # fmt: skip
    for batch_size, count in TIMED.items():
        part = texts[:count]
        for classifier in (plain, other):
            seconds(classifier, part, batch_size)
        ours, theirs = [], []
        for _ in range(repeats):  # in turns, so that a busy machine slows both
            ours.append(seconds(plain, part, batch_size))
            theirs.append(seconds(other, part, batch_size))
        ratio = statistics.median(one / another for one, another in zip(ours, theirs, strict=True))
        figures[f"documents_per_second_{batch_size}"] = round(len(part) / statistics.median(theirs), 1)
        figures[f"times_float32_{batch_size}"] = round(ratio, 2)
    return figures


def seconds(classifier: Classifier, texts: list[str], batch_size: int) -> float:
    began = time.perf_counter()
    classifier.classify(texts, batch_size=batch_size)
    return time.perf_counter() - began


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show(report: dict[str, Any]) -> None:
    print(f"\n{report['documents']} dev documents of {report['collection']}; {report['machine']}; {report['versions']}")
    print("variant            documents/s at 32  x float32  at 1   x float32  micro-F1  macro-F1  same labels")
    for row in report["variants"]:
        print(
            f"{row['variant']:<18} {row['documents_per_second_32']:17}  {row['times_float32_32']:9}  "
            f"{row['documents_per_second_1']:5}  {row['times_float32_1']:9}  {row['micro_f1']:8}  {row['macro_f1']:8}  "
            f"{row['same_labels']:11.1%}"
        )
    for name, reason in report["not_measured"].items():
        print(f"{name:<18} not measured: {reason}")


if __name__ == "__main__":
    main()
