"""lagamc honesty: what a sceptic would ask of a trained model, in one report."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.commands.terminal import add_json, at_least, progress, seed
from lagamc.corpus import Corpus, described, read_split, with_labels
from lagamc.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from lagamc.baselines import Peer
    from lagamc.honesty import Honesty, Verdict
    from lagamc.metrics import Indicator

__all__ = ["register"]

PEERS = "tfidf-svm,frozen-logreg"
_VERDICTS: Mapping[Verdict, str] = {
    "too few documents": "These are too few documents to tell the model from chance. Give more of them: --test FILE.",
    "not above chance":
        "THE MODEL IS NOT ABOVE CHANCE WITH THE RIGHT TEXT EITHER: it has learnt nothing that holds in test.",
    "falls to chance": "Without the right text the model falls to chance.",
    "above chance without the text":
        "WITHOUT THE RIGHT TEXT THE MODEL IS ABOVE CHANCE: look for a leak of the labels into its input.",
}  # fmt: skip


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("honesty", help="free-running, teacher-forced, shuffled, duplicates, peers")
    command.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="a completed run, with train and dev files")
    command.add_argument("--model", type=Path, metavar="MODEL_FOLDER", help="another model than RUN_FOLDER/model")
    command.add_argument("--test", type=Path, metavar="FILE", help="documents to ask about (default: the run's test)")
    command.add_argument("--peers", default=PEERS, help="names as in lagamc baseline, or '' (default: %(default)s)")
    command.add_argument("--limit", type=_similarity, default=0.8, help="Jaccard similarity of near duplicates")
    command.add_argument("--seed", type=seed, default=13)
    command.add_argument("--resamples", type=at_least(1), default=1000, help="of the bootstrap (default: %(default)s)")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    add_json(command)
    command.set_defaults(run=run)


def _similarity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"must lie above 0 and at most at 1, got {text}")
    return value


def run(options: argparse.Namespace) -> None:
    from lagamc.baselines import PeerSettings, peer
    from lagamc.checkpoint import read_manifest
    from lagamc.classifier import Classifier
    from lagamc.datasets import Split
    from lagamc.honesty import honesty_report

    peers = [peer(name) for name in filter(None, map(str.strip, options.peers.split(",")))]
    if any(item.name == "chat" for item in peers):
        raise ConfigError(
            "The chat peer needs the name of a model, which lagamc honesty does not take. Leave it out, and ask it by "
            f"itself: lagamc baseline chat --data {options.folder} --model NAME."
        )
    folder: Path = options.folder
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder. Give that of a completed run.")
    test_file: Path = options.test or folder / "test.jsonl"
    if not test_file.is_file():
        raise DatasetError(f"{test_file} is not there. Give documents that the model was not trained on: --test FILE.")
    train, dev = (Corpus.read_jsonl(folder / f"{name}.jsonl") for name in ("train", "dev"))
    model: Path = options.model or folder / "model"
    classifier = Classifier.load(model, device=options.device)
    if read_manifest(model).training_data_hash != train.hash:
        raise DatasetError(
            f"{model} was trained on other documents than lie in train.jsonl of {folder.name}, so that copies of test "
            "documents among them could not be found. Give the run folder that it was trained in."
        )
    names = classifier.label_set.names
    test = with_labels(read_split(test_file, "test", known=names), test_file)
    if test.hash == dev.hash:
        raise DatasetError(
            f"{test_file.name} holds the dev documents, by which epoch and rule were chosen. Give others: --test FILE."
        )
    described(test, names, where=test_file.name, by="the model's label set")
    split = Split(train, dev, test, classifier.label_set)
    settings = dataclasses.replace(PeerSettings.like(classifier.backbone.config), seed=options.seed)

    def prediction(item: Peer) -> Callable[[], Indicator]:
        return lambda: item.run(split, settings).predicted

    with progress("asked") as advance:
        report = honesty_report(
            classifier, train=train, test=test, limit=options.limit, seed=options.seed, samples=options.resamples,
            peers={item.title: prediction(item) for item in peers}, progress=advance,
        )  # fmt: skip
    if options.json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        print("\n".join(_as_text(report)))


def _as_text(report: Honesty) -> Iterator[str]:
    from lagamc.honesty import PeerFailure

    yield f"{report.documents:,} test documents{'':<24} micro-F1  macro-F1"
    low_high = report.intervals["micro_f1"], report.intervals["macro_f1"]
    yield _row("free-running (the figure that counts)", report.free_running)
    yield f"{'  95% interval over documents':<42} " + "  ".join(f"[{i.low:.3f}, {i.high:.3f}]" for i in low_high)
    yield _row("  its written sentences alone", report.sentences_alone)
    yield _row("teacher-forced (reads the true target)", report.teacher_forced)
    yield _row("texts shuffled, free-running", report.shuffled)
    yield _row("texts shuffled, teacher-forced", report.teacher_forced_shuffled)
    yield _row("chance: its answers handed round", report.chance.permuted)
    yield _row(f"chance: always {', '.join(report.chance.constant_labels)}"[:42], report.chance.constant)
    yield _VERDICTS[report.verdict]
    found = report.duplicates
    yield (
        f"\n{found.exact:,} test documents lie in train word for word, {found.near:,} nearly "
        f"(Jaccard similarity of word triples at least {found.limit:g})"
    )
    for test_id, train_id, similarity in found.examples:
        yield f"  {similarity:.2f}  {test_id}  {train_id}"
    if found.without:
        yield _row("free-running without them", found.without)
    for other in report.peers:
        if isinstance(other, PeerFailure):
            yield f"\npeer: {other.name} failed: {other.reason}"
            continue
        lead = other.lead["micro_f1"], other.lead["macro_f1"]
        yield "\n" + _row(f"peer: {other.name}"[:42], other.figures)
        yield f"{'  the model leads by (95% interval)':<42} " + "  ".join(
            f"[{i.low:+.3f}, {i.high:+.3f}]" for i in lead
        )


def _row(name: str, figures: dict[str, float]) -> str:
    return f"{name:<42} {figures['micro_f1']:8.4f}  {figures['macro_f1']:8.4f}"
