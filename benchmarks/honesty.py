"""The honesty report of a model trained at the defaults: free-running and teacher-forced side by side.

    python benchmarks/honesty.py demo
    python benchmarks/honesty.py FOLDER        # with {train,dev,test}.jsonl.gz and labels.json

Trains in a child process unless --runs holds the model already, and writes docs/results/NAME-honesty.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from accuracy import ROOT, RUNS, collection, digest
from commandline import given_command, write_results
from tables import honesty_table

from lagamc.baselines import peer
from lagamc.checkpoint import write_run_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.honesty import honesty_report
from lagamc.metrics import Indicator
from lagamc.provenance import provenance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="'demo', or a folder with train, dev and test files and labels.json")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--peers", default="tfidf-svm,frozen-logreg", help="names as in lagamc baseline, or ''")
    parser.add_argument("--config", default="{}", help="settings of lagamc train as JSON, where not the defaults")
    parser.add_argument("--runs", type=Path, default=RUNS, help="run folders are kept here (default: %(default)s)")
    options = parser.parse_args()
    peers = {name: peer(name).title for name in filter(None, options.peers.split(","))}
    name, split = collection(options.data)
    config = TrainingConfig(seed=options.seed, **json.loads(options.config))
    run = options.runs.absolute() / f"{name}-{digest('lagamc', split, config.to_dict())}"
    if not run.exists():
        write_run_folder(run, config=config, labels=split.label_set, train=split.train, dev=split.dev)
    if not (run / "model").exists():
        subprocess.run([sys.executable, "-m", "lagamc", "train", str(run), "--json"], check=True, cwd=ROOT)
    classifier = Classifier.load(run / "model")
    same = dataclasses.replace(split, label_set=classifier.label_set)  # peers answer in the model's label order

    def prediction(name: str) -> Callable[[], Indicator]:
        return lambda: peer(name).run(same).predicted

    report = honesty_report(
        classifier, train=split.train, test=split.test, seed=options.seed,
        peers={title: prediction(item) for item, title in peers.items()},
    )  # fmt: skip
    content = {
        "command": given_command(),
        "documents": {part: len(getattr(split, part)) for part in ("train", "dev", "test")},
        "labels": len(split.label_set),
        "honesty": report.to_dict(),
        **provenance(seed=options.seed, configuration=config.to_dict()),
    }
    write_results(f"{name}-honesty", content)
    print(f"\n{content['machine']}; {content['versions']}\n{honesty_table(name, content)}")


if __name__ == "__main__":
    main()
