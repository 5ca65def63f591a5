"""Free-running test F1 of `lagamc train` at its defaults, next to peers trained on the same documents.

    python benchmarks/accuracy.py demo
    python benchmarks/accuracy.py FOLDER --seeds 13,14,15     # FOLDER: {train,dev,test}.jsonl.gz and labels.json
    python benchmarks/accuracy.py FOLDER --few 16             # 16 training documents a label, next to SetFit
    python benchmarks/accuracy.py FOLDER --unseen 4           # 4 labels added after training, by their descriptions

Writes docs/results/NAME[-few16|-unseen4].json, a run at a time: a stopped benchmark goes on with the runs that are
left, and half-trained models go on from their checkpoints under --runs. Thresholds and settings are chosen on dev;
test is read once a run. What was measured with the same settings and documents counts as measured, whatever the code
was then: every run keeps its git revision, the tables show it, and --afresh measures again.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from commandline import RESULTS
from records import kept, show, usual_peers, write

from lagamc.analysis import subset_figures
from lagamc.baselines import PEERS, PeerSettings, peer
from lagamc.bootstrap import bootstrap_intervals
from lagamc.checkpoint import read_manifest, write_run_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, read_corpus, read_splits
from lagamc.datasets import Split, few_documents, read_data_set
from lagamc.errors import LagamcError
from lagamc.evaluation import evaluate_classifier
from lagamc.labels import LabelSet
from lagamc.metrics import Indicator
from lagamc.provenance import provenance
from lagamc.unseen import hold_out_labels

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "examples" / "city-council"
RUNS = ROOT / "data" / "benchmarks"
UNSEEDED = {"tfidf-svm", "tfidf-logreg", "frozen-logreg", "zero-shot"}  # the same documents give the same figures


def main() -> None:
    try:
        measure(arguments())
    except LagamcError as error:
        raise SystemExit(f"accuracy.py: {error}") from error


def measure(options: argparse.Namespace) -> None:
    seeds = [int(seed) for seed in options.seeds.split(",")]
    name, whole = collection(options.data)
    protocol = f"-few{options.few}" if options.few else f"-unseen{options.unseen}" if options.unseen else ""
    path = RESULTS / f"{options.name or name + protocol}.json"
    runs: list[dict[str, Any]] = (
        [] if options.afresh or not path.exists() else json.loads(path.read_text()).get("runs", [])
    )
    peers = options.peers.split(",") if options.peers else []
    for seed, split, unseen in splits(whole, options, seeds):
        wanted = [
            ("lagamc", seed),
            *((item, seed) for item in peers if protocol or item not in UNSEEDED or seed == seeds[0]),
        ]
        for system, own_seed in wanted:
            config = TrainingConfig(seed=own_seed, **json.loads(options.config))
            settings = PeerSettings(
                seed=own_seed, model=options.peer_model, epochs=options.peer_epochs,
                answers=options.runs / "chat-answers.jsonl",
            )  # fmt: skip
            key = digest(system, split, config.to_dict() if system == "lagamc" else repr(settings), unseen)
            if any(row["key"] == key for row in runs):
                print(f"{system}, seed {own_seed}: measured already", file=sys.stderr)
                continue
            if system == "lagamc":
                folder = options.runs.absolute() / f"{path.stem}-{key}"
                row, actual, predicted, labels = ours(folder, split, config, unseen, afresh=options.afresh)
            else:
                row, actual, predicted, labels = theirs(system, split, settings)
            row |= intervals(actual, predicted)
            if unseen:
                row["unseen"] = dataclasses.asdict(subset_figures(actual, predicted, labels, unseen))
                columns = [labels.index(label) for label in unseen]
                row["unseen"] |= intervals(actual[:, columns], predicted[:, columns])
            row |= {"key": key, "train_documents": len(split.train), **provenance(seed=own_seed)}
            runs = [*kept(runs, row), row]
            write(path, whole, runs, options)
    show(json.loads(path.read_text(encoding="utf-8")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="'demo', or a folder with train, dev and test files and labels.json")
    parser.add_argument("--seeds", default="13", help="separated by ',' (default: %(default)s)")
    protocol = parser.add_mutually_exclusive_group()
    protocol.add_argument("--few", type=int, metavar="N", help="train on N documents a label")
    protocol.add_argument("--unseen", type=int, metavar="N", help="add N labels after training")
    parser.add_argument("--peers", help="names as in lagamc baseline, or '' (default: what suits the protocol)")
    parser.add_argument("--peer-model", help="encoder of the peers (default: the built-in one)")
    parser.add_argument("--peer-epochs", type=int, help="default: as many as lagamc train takes")
    parser.add_argument("--config", default="{}", help="settings of lagamc train as JSON, where not the defaults")
    parser.add_argument("--name", help="of the results file (default: by data and protocol)")
    parser.add_argument("--runs", type=Path, default=RUNS, help="run folders are kept here (default: %(default)s)")
    parser.add_argument("--afresh", action="store_true", help="train and measure again what lies there")
    options = parser.parse_args()
    if options.peers is None:
        options.peers = usual_peers(options)
    for name in filter(None, options.peers.split(",")):
        peer(name)
    return options


def collection(data: str) -> tuple[str, Split]:
    if data == "demo":
        return DEMO.name, Split(**demo_corpora(), label_set=LabelSet.read(DEMO / "labels.json"))
    found = read_data_set(Path(data))
    if found.undescribed:
        print(f"{len(found.undescribed)} labels have no description; their name stands in for it", file=sys.stderr)
    return found.name, found.split


def demo_corpora() -> dict[str, Corpus]:
    return read_splits(DEMO / "messages.jsonl", known=LabelSet.read(DEMO / "labels.json").names)


def read_split(folder: Path, split: str) -> Corpus:
    found = next(folder.glob(f"{split}.jsonl*"), None)
    if found is None:
        raise SystemExit(f"{folder} has no {split}.jsonl or {split}.jsonl.gz.")
    return read_corpus(found)


def splits(
    whole: Split, options: argparse.Namespace, seeds: Sequence[int]
) -> Iterator[tuple[int, Split, tuple[str, ...]]]:
    """(seed, the documents of this seed, its unseen labels)."""
    for seed in seeds:
        if options.few:
            yield seed, dataclasses.replace(whole, train=few_documents(whole.train, options.few, seed=seed)), ()
        elif options.unseen:
            yield seed, *hold_out_labels(whole, count=options.unseen, seed=seed)
        else:
            yield seed, whole, ()


Measured = tuple[dict[str, Any], Indicator, Indicator, LabelSet]


def ours(run: Path, split: Split, config: TrainingConfig, unseen: Sequence[str], *, afresh: bool) -> Measured:
    """Train in a child process, as the app does, and give its figures with time and peak memory.

    Unseen labels are added to the trained model by their descriptions.
    """
    added = [label for label in split.label_set if label.name in unseen]
    if afresh and run.exists():
        shutil.rmtree(run)
    if not run.exists():
        learnt = LabelSet(label for label in split.label_set if label.name not in unseen)
        write_run_folder(run, config=config, labels=learnt, train=split.train, dev=split.dev)
    if not (run / "model").exists():
        subprocess.run([sys.executable, "-m", "lagamc", "train", str(run), "--json"], check=True, cwd=ROOT)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    seconds = max(event.get("elapsed", 0.0) for event in events)  # of training and dev evaluation, all sessions
    peak = max(event.get("peak_memory_mb", 0) for event in events)
    dev = read_manifest(run / "model").dev
    classifier = Classifier.load(run / "model")
    report = evaluate_classifier(classifier.with_labels(added) if added else classifier, split.test)
    row = {
        "system": f"lagamc {config.backbone}, free-running", **report.metrics.summary(), "seconds": round(seconds, 1),
        "peak_mb": peak or None, "dev_micro_f1": dev["micro_f1"], "dev_macro_f1": dev["macro_f1"],
        "configuration": config.to_dict(),
        "predictions": {
            example.id: list(result.labels) for example, result in zip(split.test, report.results, strict=True)
        },
    }  # fmt: skip
    return row, report.actual, report.predicted, report.label_set


def theirs(name: str, split: Split, settings: PeerSettings) -> Measured:
    from lagamc.baselines.peers import indicators

    began = time.monotonic()
    result = peer(name).run(split, settings)
    row = {
        "system": PEERS[name].title, **result.metrics.summary(), "seconds": round(time.monotonic() - began, 1),
        "dev_micro_f1": result.dev.micro_f1, "dev_macro_f1": result.dev.macro_f1,
        "configuration": {
            "model": settings.model, "epochs": settings.epochs, "threshold": result.threshold, **result.chosen,
        },
    }  # fmt: skip
    return row, indicators(split)[2], result.predicted, split.label_set


def intervals(actual: Indicator, predicted: Indicator) -> dict[str, list[float]]:
    """95% bootstrap intervals over test documents, by figure."""
    found = bootstrap_intervals(actual, predicted)
    return {f"{name}_interval": [found[name].low, found[name].high] for name in ("micro_f1", "macro_f1")}


def digest(system: str, split: Split, settings: object, unseen: Sequence[str] = ()) -> str:
    parts = [split.label_set.hash, *(corpus.hash for corpus in (split.train, split.dev, split.test))]
    content = json.dumps([system, settings, parts, *unseen], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:10]


if __name__ == "__main__":
    main()
