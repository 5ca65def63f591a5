"""Writes the figures of docs/results/*.json into the README and the docs, so that none is typed by hand.

python benchmarks/tables.py            # rewrites the blocks between <!-- results:... --> marks
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_tables import origin, paper_table, short
from speed_sentences import SENTENCES

ROOT = Path(__file__).parent.parent
TITLES = {
    "city-council": "the demo project",
    "caves": "CAVES (Poddar et al. 2022), tweets about vaccines",
    "reuters": "Reuters-21578, Distribution 1.0, newswire",
    "pubmed_mesh": "PubMed abstracts with MeSH roots, a sample of 2.5%",
}
PAGES = (ROOT / "README.md", ROOT / "docs" / "evaluation.md", ROOT / "docs" / "measurements.md")
BLOCK = re.compile(r"(<!-- (results|paper):(\w+) -->\n).*?(<!-- /\2:\3 -->)", re.DOTALL)


def rendered(page: str) -> str:
    """The page with its blocks of figures made anew."""
    return BLOCK.sub(lambda found: found[1] + "\n".join(BLOCKS[found[3]]()) + found[4], page)


def accuracy() -> list[str]:
    return [table(name, report(name)) for name in TITLES if path(name).exists()] + sentences("workbench")


def speed() -> list[str]:
    return sentences("training", "precision", "decoding-*", "scaling", "matching", "streaming", "app_latency",
                     "page", "inference", "studio")  # fmt: skip


def sentences(*names: str) -> list[str]:
    """What the results files of these names say, those that are there."""
    files = [file for name in names for file in sorted((ROOT / "docs" / "results").glob(f"{name}.json"))]
    return [SENTENCES[file.stem.partition("-")[0]](report(file.stem)) for file in files]


def protocols() -> list[str]:
    """Few training documents a label, and labels that no training document carries."""
    names = (file.stem for file in (ROOT / "docs" / "results").glob("*.json"))
    found = [match for name in names if (match := re.fullmatch(r"(.+)-(few|unseen)(\d+)", name)) and match[1] in TITLES]
    found.sort(key=lambda match: (match[2], match[1], int(match[3])))
    return [protocol_table(match[1], match[2], int(match[3]), report(match[0])) for match in found]


def protocol_table(name: str, protocol: str, number: int, content: Mapping[str, Any]) -> str:
    trained = sorted({row["train_documents"] for row in content["runs"]})
    size = f"{trained[0]:,}" if len(trained) == 1 else f"{trained[0]:,} to {trained[-1]:,}"
    what = (
        f"{number} training documents a label ({size} in all)"
        if protocol == "few"
        else f"{number} labels held out; {size} training documents remain"
    )
    unseen = "unseen_macro_f1" in content["systems"][0]
    head = f"**{TITLES[name]}**, {what}; `{content['command']}` on {content['machine']}.\n"
    lines = [
        head,
        f"| system | test micro-F1 | test macro-F1 |{' macro-F1 of the unseen labels |' if unseen else ''} revision |",
        f"|---|---|---|{'---|' if unseen else ''}---|",
    ]
    for row in content["systems"]:
        last = f" {figure(row, 'unseen_macro_f1')} |" if unseen else ""
        figures = f"{figure(row, 'micro_f1')} | {figure(row, 'macro_f1')}"
        lines.append(f"| {titled(content, row['system'])} | {figures} |{last} {revisions(content, row['system'])} |")
    return "\n".join(lines) + "\n"


def honesty() -> list[str]:
    """Free-running against teacher-forced, for every collection whose model was asked."""
    return [honesty_table(name, report(f"{name}-honesty")) for name in TITLES if path(f"{name}-honesty").exists()]


def honesty_table(name: str, content: Mapping[str, Any]) -> str:
    found, counts = content["honesty"], content["documents"]
    rows = {
        "free-running": found["free_running"],
        "free-running, written sentences alone": found["sentences_alone"],
        "teacher-forced": found["teacher_forced"],
        "texts shuffled, free-running": found["shuffled"],
        "texts shuffled, teacher-forced": found["teacher_forced_shuffled"],
        "chance: the model's answers handed round": found["chance"]["permuted"],
        f"chance: always {', '.join(found['chance']['constant_labels'])}": found["chance"]["constant"],
    }
    copies = found["duplicates"]
    none = copies["exact"] + copies["near"] == 0
    if copies["without"] is not None and not none:
        counted = f"{copies['exact']} exact and {copies['near']} near copies"
        rows[f"free-running, without {counted} of training texts"] = copies["without"]
    rows |= {f"peer: {item['name']}": item["figures"] for item in found["peers"] if "figures" in item}
    epochs = content["configuration"]["epochs"]
    title = TITLES.get(name, name)
    head = (
        f"**{title}**, `{content['configuration']['backbone']}` trained on {counts['train']:,} documents"
        f"{f' for {epochs} epochs' if epochs else ''}, {counts['test']:,} test documents, seed {content['seed']}; "
        f"{origin(content)}.{' No test text lies in train, word for word or nearly.' if none else ''}\n"
    )
    lines = [
        head,
        "| measured | micro-F1 | macro-F1 |",
        "|---|---|---|",
        *(f"| {title} | {row['micro_f1']:.3f} | {row['macro_f1']:.3f} |" for title, row in rows.items()),
    ]
    return "\n".join(lines) + "\n"


def unavailable() -> list[str]:
    """The paper's figures of systems that have no kept library."""
    from lagamc.paper.figures import SETS, TABLE_3

    lines = [f"| system (paper, Table 3: micro / macro-F1) | {' | '.join(SETS)} |", f"|---|{'---|' * len(SETS)}"]
    for system in ("StarTransformer", "AttentiveConvNet", "GalaXC", "SiameseXML", "DEXA", "DeepXML", "Renee"):
        cells = [f"{micro:.3f} / {macro:.3f}" for micro, macro in (TABLE_3[system][name] for name in SETS)]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return ["\n".join(lines) + "\n"]


def paper() -> list[str]:
    """The paper's tables as `lagamc paper` measured them, those that are there."""
    files = sorted((ROOT / "docs" / "results" / "paper").glob("*.json"))
    return [paper_table(json.loads(file.read_text(encoding="utf-8"))) for file in files]


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
    lines = [head, "| system | test micro-F1 | test macro-F1 | revision |", "|---|---|---|---|"]
    lines += [
        f"| {titled(content, row['system'])} | {figure(row, 'micro_f1')} | {figure(row, 'macro_f1')} | "
        f"{revisions(content, row['system'])} |"
        for row in content["systems"]
    ]
    return "\n".join(lines) + "\n"


def titled(content: Mapping[str, Any], system: str) -> str:
    """A system's name; ours says where its models were trained without the part of the method that came last."""
    configuration = next(run["configuration"] for run in content["runs"] if run["system"] == system)
    ours = "backbone" in configuration
    return f"{system}, before self-distillation" if ours and "self_distillation" not in configuration else system


def revisions(content: Mapping[str, Any], system: str) -> str:
    """Of the code that measured a system's runs, each once, hashes cut to 7 digits; runs may be of different ones."""
    found = dict.fromkeys(run["revision"] for run in content["runs"] if run["system"] == system)
    return ", ".join(map(short, found))


def figure(row: Mapping[str, Any], name: str) -> str:
    """A mean over seeds with its standard deviation, or one seed's figure with its bootstrap interval."""
    if f"{name}_sd" in row:
        return f"{row[name]:.3f} ± {row[f'{name}_sd']:.3f} ({len(row['seeds'])} seeds)"
    if f"{name}_interval" in row:
        low, high = row[f"{name}_interval"]
        return f"{row[name]:.3f} [{low:.3f}, {high:.3f}]"
    return f"{row[name]:.3f}"


BLOCKS = {"accuracy": accuracy, "speed": speed, "protocols": protocols, "honesty": honesty, "unavailable": unavailable,
          "paper": paper}  # fmt: skip


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for target in PAGES:
        target.write_text(rendered(target.read_text(encoding="utf-8")), encoding="utf-8")
