"""The results file of the accuracy benchmark: runs, their means a system, and the command that measures them all."""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lagamc.baselines import PEERS
from lagamc.datasets import Split
from lagamc.metrics import SUMMARY

__all__ = ["kept", "mean_row", "show", "usual_peers", "write"]

FULL_PEERS = "tfidf-svm,tfidf-logreg,frozen-logreg,sigmoid,sigmoid-descriptions"
FEW_PEERS = "setfit,sigmoid,frozen-logreg,tfidf-svm"


def usual_peers(options: argparse.Namespace) -> str:
    """What a protocol is compared with unless --peers says otherwise."""
    return FEW_PEERS if options.few else "zero-shot" if options.unseen else FULL_PEERS


def reproducing(options: argparse.Namespace, runs: Sequence[Mapping[str, Any]]) -> str:
    """The command that measures all of these runs; the one that was given may have added a few of them alone."""
    names = {item.title: name for name, item in PEERS.items()}
    peers = dict.fromkeys(names[row["system"]] for row in runs if row["system"] in names)
    settings = {
        "seeds": ",".join(map(str, sorted({row["seed"] for row in runs}))), "few": options.few,
        "unseen": options.unseen, "peers": ",".join(peers), "peer-model": options.peer_model,
        "peer-epochs": options.peer_epochs, "config": options.config, "name": options.name,
    }  # fmt: skip
    usual = {"seeds": "13", "peers": usual_peers(options), "config": "{}"}
    words = ["python", "benchmarks/accuracy.py", Path(options.data).name]
    for option, value in settings.items():
        if value != usual.get(option):
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def kept(runs: Sequence[dict[str, Any]], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that a new one leaves in place: its own seed goes, and so do other settings of its system.

    A mean over runs of different settings would be a figure of none.
    """
    others = [row for row in runs if (row["system"], row["seed"]) != (new["system"], new["seed"])]
    mixed = [row for row in others if row["system"] == new["system"] and settings_of(row) != settings_of(new)]
    for row in mixed:
        print(f"{row['system']}, seed {row['seed']}: dropped, it had other settings", file=sys.stderr)
    return [row for row in others if row not in mixed]


def settings_of(run: Mapping[str, Any]) -> str:
    """What has to be equal in all runs of a system, as JSON: neither the seed nor what dev chose."""
    found = run["configuration"]
    own = {**found, "seed": None} if "backbone" in found else {name: found.get(name) for name in ("model", "epochs")}
    return json.dumps(own, sort_keys=True)


def write(path: Path, whole: Split, runs: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Runs with their means a system, and predictions beside them. A half-written file is never seen."""
    runs_only = [{name: value for name, value in row.items() if name != "predictions"} for row in runs]
    report = {
        "command": reproducing(options, runs),
        "documents": {part: len(getattr(whole, part)) for part in ("train", "dev", "test")},
        "labels": len(whole.label_set),
        "machine": " and ".join(sorted({row["machine"] for row in runs})),
        "versions": runs[-1]["versions"],
        "systems": [mean_row([row for row in runs if row["system"] == system])
                    for system in dict.fromkeys(row["system"] for row in runs)],
        "runs": runs_only,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(path, runs)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def write_predictions(path: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    """Those of our lowest seed, in a file that names it. Those of an earlier session lie there already."""
    ours = [row for row in runs if "backbone" in row["configuration"]]
    first = min(ours, key=lambda row: int(row["seed"]), default={})
    if "predictions" not in first:
        return
    for old in path.parent.glob(f"{path.stem}-predictions*.jsonl"):
        old.unlink()
    lines = [json.dumps({"id": identifier, "labels": labels}) for identifier, labels in first["predictions"].items()]
    target = path.with_name(f"{path.stem}-predictions-seed{first['seed']}.jsonl")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of one system, and how far they scatter."""
    mean: dict[str, Any] = {"system": rows[0]["system"], "seeds": [row["seed"] for row in rows]}
    names = ["micro_f1", "macro_f1"]
    if "unseen" in rows[0]:
        names.append("unseen_macro_f1")
        rows = [{**row, **{f"unseen_{name}": figure for name, figure in row["unseen"].items()}} for row in rows]
    for name in (*SUMMARY, "seconds", *names):
        mean[name] = statistics.fmean(row[name] for row in rows)
    if len(rows) == 1:
        mean |= {f"{name}_interval": rows[0][f"{name}_interval"] for name in names}
    else:
        mean |= {f"{name}_sd": statistics.stdev(row[name] for row in rows) for name in names}
    return mean


def show(report: Mapping[str, Any]) -> None:
    print(f"\n{report['documents']} {report['labels']} labels; {report['machine']}; {report['versions']}")
    revisions = sorted({row["revision"] for row in report["runs"]})
    print(f"measured at {', '.join(revisions)}")
    print(f"{'system':<52} seeds  micro-F1  macro-F1  seconds  unseen macro-F1")
    for row in report["systems"]:
        unseen = f"{row['unseen_macro_f1']:9.4f}" if "unseen_macro_f1" in row else ""
        figures = f"{row['micro_f1']:8.4f}  {row['macro_f1']:8.4f}  {row['seconds']:7.1f}  {unseen}"
        print(f"{row['system']:<52} {len(row['seeds']):5}  {figures}")
