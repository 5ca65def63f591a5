"""Free-running test F1 of `lagamc train` at its defaults, next to peers trained on the same documents.

    python benchmarks/accuracy.py demo
    python benchmarks/accuracy.py FOLDER      # with {train,dev,test}.jsonl.gz and labels.json

Writes docs/results/NAME.json (figures) and docs/results/NAME-predictions.jsonl (ids and labels).
Thresholds and settings are chosen on dev; test is read once a system.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lagamc.baselines import BASELINES
from lagamc.checkpoint import read_manifest, write_run_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example, read_corpus
from lagamc.evaluation import evaluate_classifier
from lagamc.labels import LabelSet
from lagamc.readers import ColumnMapping, Refusal, read_rows

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "examples" / "city-council"
PACKAGES = ("torch", "transformers", "sentence-transformers", "scikit-learn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="'demo', or a folder with train, dev and test files and labels.json")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--run", type=Path, help="keep the run folder here; one that was stopped goes on")
    options = parser.parse_args()
    folder = DEMO if options.data == "demo" else Path(options.data)
    corpora = demo_corpora() if options.data == "demo" else {s: read_split(folder, s) for s in ("train", "dev", "test")}
    label_set = LabelSet.read(folder / "labels.json")

    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or Path(scratch) / "run"
        rows = [train(run, corpora, label_set, options.seed)]
        predictions = predict(run / "model", corpora["test"])
    for name, baseline in BASELINES.items():
        began = time.monotonic()
        metrics = baseline(corpora["train"], corpora["dev"], corpora["test"], label_set)
        rows.append({"system": name, **metrics.summary(), "seconds": round(time.monotonic() - began, 1)})

    name = folder.name
    report = {
        "command": f"python benchmarks/accuracy.py {'demo' if options.data == 'demo' else name}",
        "documents": {split: len(corpus) for split, corpus in corpora.items()},
        "labels": len(label_set),
        "machine": f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}",
        "versions": {package: version(package) for package in PACKAGES},
        "systems": rows,
    }
    results = ROOT / "docs" / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = [json.dumps({"id": identifier, "labels": labels}) for identifier, labels in predictions.items()]
    (results / f"{name}-predictions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    show(report)


def demo_corpora() -> dict[str, Corpus]:
    mapping = ColumnMapping(text="text", labels="labels", id="id", split="split")
    examples: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for row in read_rows(DEMO / "messages.jsonl", mapping):
        if isinstance(row, Refusal) or row.split is None or row.id is None:
            raise SystemExit(f"messages.jsonl, line {row.line} is not as expected")
        examples[row.split].append(Example(row.id, row.text, row.labels))
    return {split: Corpus(rows) for split, rows in examples.items()}


def read_split(folder: Path, split: str) -> Corpus:
    return read_corpus(next(folder.glob(f"{split}.jsonl*")))


def train(run: Path, corpora: Mapping[str, Corpus], label_set: LabelSet, seed: int) -> dict[str, Any]:
    """Train in a child process, as the app does, and give its figures with time and peak memory."""
    if not run.exists():
        write_run_folder(run, config=TrainingConfig(seed=seed), labels=label_set, **corpora)
    if not (run / "model").exists():
        subprocess.run([sys.executable, "-m", "lagamc", "train", str(run), "--json"], check=True, cwd=ROOT)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    seconds = max(event.get("elapsed", 0.0) for event in events)  # of training and dev evaluation, all sessions
    peak = max(event.get("peak_memory_mb", 0) for event in events)
    manifest = read_manifest(run / "model")
    test = manifest.test or {}
    return {
        "system": "lagamc minilm, free-running", **test, "seconds": round(seconds, 1), "peak_mb": peak or None,
        "dev_micro_f1": manifest.dev["micro_f1"], "dev_macro_f1": manifest.dev["macro_f1"],
    }  # fmt: skip


def predict(model: Path, test: Corpus) -> dict[str, list[str]]:
    report = evaluate_classifier(Classifier.load(model), test)
    return {example.id: list(result.labels) for example, result in zip(test, report.results, strict=True)}


def cores() -> int:
    return len(os.sched_getaffinity(0))


def show(report: Mapping[str, Any]) -> None:
    print(f"\n{report['documents']} {report['labels']} labels; {report['machine']}; {report['versions']}")
    print(f"{'system':<38} micro-F1  macro-F1  seconds")
    for row in report["systems"]:
        print(f"{row['system']:<38} {row['micro_f1']:8.4f}  {row['macro_f1']:8.4f}  {row['seconds']:7.1f}")


if __name__ == "__main__":
    main()
