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

ROOT = Path(__file__).parent.parent
TITLES = {
    "city-council": "the demo project",
    "caves": "CAVES (Poddar et al. 2022), tweets about vaccines",
    "reuters": "Reuters-21578, Distribution 1.0, newswire",
    "pubmed_mesh": "PubMed abstracts with MeSH roots, a sample of 2.5%",
}
PAGES = (ROOT / "README.md", ROOT / "docs" / "evaluation.md", ROOT / "docs" / "measurements.md")
PARTS = {"neighbour_share": "neighbours", "self_distillation": "self-distillation"}  # settings that came one by one
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
        last = f" {row['unseen_macro_f1']:.3f} |" if unseen else ""
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
    """A system's name; ours says which later parts of the method its models were trained without."""
    configuration = next(run["configuration"] for run in content["runs"] if run["system"] == system)
    if "backbone" not in configuration:
        return system
    missing = [word for name, word in PARTS.items() if name not in configuration]
    return f"{system}, before {' and '.join(missing)}" if missing else system


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


def workbench(content: Mapping[str, Any]) -> str:
    return (
        f"**The workbench**, {origin(content)}: first page "
        f"{content['first_page_seconds']} s after its start; {content['app_mb_without_a_model']} MB without a loaded "
        f"model; {content['demo_training_seconds']:.0f} s from *Start training* on the demo project to the active "
        f"model, the training process using at most {content['demo_training_peak_mb']:,} MB.\n"
    )


def decoding(content: Mapping[str, Any]) -> str:
    ratios = "; ".join(
        f"{row['ratio']:.1f} times as fast at batch size {row['batch_size']} "
        f"({row['documents_per_second_free_running']:.1f} against {row['documents_per_second_greedy']:.1f} a second, "
        f"{row['passes_per_document']:.2f} decoder passes for {row['slots_per_document']:.0f} tokens a document)"
        for row in content["batches"]
    )
    last = content["batches"][-1]
    beside = ""
    if "documents_per_second_encoder_only" in last:
        beside = (
            f" At batch size {last['batch_size']} a classifier with a sigmoid layer on the same encoder reaches "
            f"{last['documents_per_second_encoder_only']:.0f} documents/s: free-running generation has "
            f"{last['free_running_over_encoder_only']:.2f} of its rate, constrained generation "
            f"{last['constrained_over_encoder_only']:.2f}, naming the same labels as free-running for "
            f"{last['constrained_agreement']:.1%} of the documents."
        )
    return (
        f"**Generation, {content['collection']}**, {origin(content)}, "
        f"{content['documents']} documents, against transformers' greedy `generate` with cache, identical tokens: "
        f"{ratios}.{beside}\n"
    )


def training(content: Mapping[str, Any]) -> str:
    return (
        f"**Training**, {origin(content)}, {content['documents']} documents of "
        f"{content['collection']}: {content['documents_per_second']:.1f} documents/s in {content['precision']}, "
        f"{content['ratio']:.2f} times the rate of transformers' `Seq2SeqTrainer` with its defaults on the same model, "
        "batch size and loss.\n"
    )


def scaling(content: Mapping[str, Any]) -> str:
    lengths = ", ".join(f"{row['passes']:.2f} at {row['tokens']}" for row in content["lengths"])
    labels = ", ".join(f"{row['documents_per_second']:.0f} at {row['labels']:,}" for row in content["labels"])
    return (
        f"**Growing label sets**, {origin(content)}: decoder passes a document by tokens "
        f"of a description: {lengths}; documents/s by number of labels: {labels}.\n"
    )


def precision(content: Mapping[str, Any]) -> str:
    return (
        f"**Number format**, {origin(content)}: a training step takes "
        f"{content['seconds_a_step']['float32']} s in float32 and {content['seconds_a_step']['bfloat16']} s under "
        "bfloat16 autocast.\n"
    )


def studio(content: Mapping[str, Any]) -> str:
    return (
        f"**The studio**, {origin(content)}: {content['typing_to_lint_seconds']:.2f} s "
        f"from a word typed to the checks shown with {content['labels_linted']:,} labels; "
        f"{content['collisions_seconds']:.2f} s for the collision map of {content['labels_compared']:,}; "
        f"{content['what_if_seconds']:.2f} s to try a wording on {content['documents_tried']:,} documents.\n"
    )


def matching(content: Mapping[str, Any]) -> str:
    index = content["approximate"]
    return (
        f"**Matching**, {origin(content)}: {content['sentences']:,} sentences against "
        f"{content['labels']:,} labels of dimension {content['dimension']:,}, label, runner-up and threshold decided, "
        f"at {content['rate_of_the_product']:.2f} of the rate of the bare product `A @ B.T`, "
        f"{content['times_sentence_by_sentence']:.1f} times as fast as sentence by sentence and "
        f"{content['times_pair_by_pair']:.0f} times as fast as pair by pair, in {content['extra_mb']:.0f} MB of extra "
        f"memory. The approximate index on {index['labels']:,} labels: {index['times_exact']:.1f} times as fast, "
        f"recall {index['recall']:.3f} (runner-up {index['recall_of_the_runner_up']:.3f}).\n"
    )


def streaming(content: Mapping[str, Any]) -> str:
    few, many = content["sizes"]
    return (
        f"**Files of any size**, {origin(content)}: {many['documents']:,} documents take "
        f"{content['times_the_time']:.1f} times the time of {few['documents']:,} and {content['times_the_memory']:.2f} "
        f"times their memory ({many['peak_mb']:,} MB), {many['documents'] / many['seconds']:.0f} documents/s.\n"
    )


def app_latency(content: Mapping[str, Any]) -> str:
    return (
        f"**One pasted text**, {origin(content)}, through gradio_client, warm: "
        f"{content['p50_ms']} ms (median), {content['p95_ms']} ms (95th percentile).\n"
    )


def page(content: Mapping[str, Any]) -> str:
    waits = ", ".join(f"{action} {seconds:.1f} s" for action, seconds in content["seconds"].items())
    return (
        f"**In the browser**, {origin(content)}, from the click to what was asked for: "
        f"{waits}; opening the page sends {content['events_at_opening']} events.\n"
    )


def inference(content: Mapping[str, Any]) -> str:
    variants = "; ".join(
        f"{row['variant']} {row['times_float32_32']:.2f} / {row['times_float32_1']:.2f} "
        f"({row['micro_f1']:.3f} / {row['macro_f1']:.3f})"
        for row in content["variants"]
    )
    return (
        f"**Engines**, {origin(content)}: times the rate of float32 at batch size 32 / 1, "
        f"with dev micro / macro-F1 on {content['collection']}: {variants}.\n"
    )


SENTENCES = {
    "workbench": workbench, "decoding": decoding, "precision": precision, "matching": matching,
    "training": training, "scaling": scaling, "streaming": streaming, "app_latency": app_latency,
    "page": page, "inference": inference, "studio": studio,
}  # fmt: skip
BLOCKS = {"accuracy": accuracy, "speed": speed, "protocols": protocols, "honesty": honesty, "unavailable": unavailable,
          "paper": paper}  # fmt: skip


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for target in PAGES:
        target.write_text(rendered(target.read_text(encoding="utf-8")), encoding="utf-8")
