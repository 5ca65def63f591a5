"""Writes the figures of docs/results/*.json into the README, so that none is typed by hand.

python benchmarks/tables.py            # rewrites README.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TITLES = {"city-council": "the demo project", "caves": "CAVES (Poddar et al. 2022), tweets about vaccines"}
BLOCK = re.compile(r"(<!-- results:accuracy -->\n).*?(<!-- /results:accuracy -->)", re.DOTALL)


def rendered(readme: str) -> str:
    """The README with its block of figures made anew."""
    parts = [table(name, report(name)) for name in TITLES if path(name).exists()]
    parts += [sentence(report(name)) for name, sentence in SENTENCES.items() if path(name).exists()]
    return BLOCK.sub(lambda found: found[1] + "\n".join(parts) + found[2], readme)


def path(name: str) -> Path:
    return ROOT / "docs" / "results" / f"{name}.json"


def report(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path(name).read_text(encoding="utf-8"))
    return content


def table(name: str, content: Mapping[str, Any]) -> str:
    counts = content["documents"]
    head = (
        f"**{TITLES[name]}**: {counts['train']:,} train, {counts['dev']:,} dev, {counts['test']:,} test documents, "
        f"{content['labels']} labels; `{content['command']}` on {content['machine']}.\n"
    )
    lines = [
        head,
        "| system | test micro-F1 | test macro-F1 |",
        "|---|---|---|",
    ]
    lines += [f"| {row['system']} | {row['micro_f1']:.3f} | {row['macro_f1']:.3f} |" for row in content["systems"]]
    return "\n".join(lines) + "\n"


def workbench(content: Mapping[str, Any]) -> str:
    return (
        f"**The workbench**, `{content['command']}` on {content['machine']}: first page after "
        f"{content['first_page_seconds']} s; {content['app_mb_without_a_model']} MB without a loaded model; from "
        f"*Start training* on the demo project to the active model {content['demo_training_seconds']:.0f} s, the "
        f"training process using at most {content['demo_training_peak_mb']:,} MB.\n"
    )


def decoding(content: Mapping[str, Any]) -> str:
    ratios = "; ".join(
        f"{row['ratio']:.1f} times as fast at batch size {row['batch_size']} ({row['documents_per_second']:.0f} "
        f"against {row['documents_per_second_greedy']:.0f} documents/s, {row['passes_per_document']:.1f} decoder "
        f"passes for {row['slots_per_document']:.0f} tokens a document)"
        for row in content["batches"]
    )
    return (
        f"**Generation**, `{content['command']}` on {content['machine']}, {content['documents']} documents of "
        f"{content['collection']}, against transformers' greedy `generate` with cache, identical tokens: {ratios}.\n"
    )


def precision(content: Mapping[str, Any]) -> str:
    return (
        f"**Number format**, `{content['command']}` on {content['machine']}: a training step takes "
        f"{content['seconds_a_step']['float32']} s in float32 and {content['seconds_a_step']['bfloat16']} s under "
        "bfloat16 autocast, so a CPU trains in float32.\n"
    )


SENTENCES = {"workbench": workbench, "decoding": decoding, "precision": precision}


if __name__ == "__main__":
    target = ROOT / "README.md"
    target.write_text(rendered(target.read_text(encoding="utf-8")), encoding="utf-8")
