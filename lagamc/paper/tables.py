"""Tables 3 to 8 of the paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lagamc.analysis import label_count_table
from lagamc.baselines import peer
from lagamc.bootstrap import bootstrap_intervals
from lagamc.datasets import Split
from lagamc.evaluation import Report, evaluate_classifier, rematched, sweep
from lagamc.labels import Label, LabelSet
from lagamc.metrics import Indicator, indicator, multilabel_metrics
from lagamc.paper import figures
from lagamc.paper.laboratory import Laboratory
from lagamc.paper.outcome import Cell, Outcome, Row
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION
from lagamc.teacher_forcing import teacher_forced

__all__ = [
    "ablations", "descriptions_in_peers", "label_counts", "main_comparison", "matcher_ablation", "thresholds",
]  # fmt: skip

WITHOUT_SEMANTIC_LOSS: Mapping[str, Any] = {"lambda_mode": "one"}
_PAPER_PEERS = {
    "sigmoid": "BERT", "textcnn": "TextCNN", "bigru": "TextRNN", "attentionxml": "AttentionXML", "chat": "ChatGPT",
}  # fmt: skip


def main_comparison(laboratory: Laboratory) -> Outcome:
    """Table 3: our model, also under teacher forcing, and the peers; and every system that the paper names."""
    rows: list[Row] = []
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        printed = {system: sets[name] for system, sets in figures.TABLE_3.items() if name in sets}
        classifier = laboratory.classifier(name, split)
        report = evaluate_classifier(classifier, split.test)
        rows.append(_measured(name, "lagamc, free-running", report.actual, report.predicted, None))
        forced = teacher_forced(classifier, split.test)
        own = {"micro_f1": forced.micro_f1, "macro_f1": forced.macro_f1}
        rows.append(_row(name, "LAGAMC; ours teacher-forced", printed.pop("LAGAMC", None), own))
        same = dataclasses.replace(split, label_set=report.label_set)  # peers answer in the model's label order
        for item in laboratory.peers:
            predicted = laboratory.peer_predictions(name, same, item.name)
            twin = _PAPER_PEERS.get(item.name)
            title = f"{twin}; ours {item.title}" if twin else item.title
            rows.append(_measured(name, title, report.actual, predicted, printed.pop(twin, None) if twin else None))
        rows += [_row(name, system, pair, {}) for system, pair in printed.items()]
    return _outcome(laboratory, "3", "Table 3: main comparison", rows)


def thresholds(laboratory: Laboratory) -> Outcome:
    """Table 4: no threshold, and the cosine threshold that dev likes best."""
    rows: list[Row] = []
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        printed = {system: sets[name] for system, sets in figures.TABLE_4.items() if name in sets}
        classifier = laboratory.classifier(name, split)
        levels = sweep(evaluate_classifier(classifier, split.dev))
        best = max(levels, key=lambda level: level.micro_f1 + level.macro_f1)
        for threshold, system in ((-1.0, "Ours"), (best.threshold, "Ours with threshold")):
            report = evaluate_classifier(classifier, split.test, threshold=threshold)
            title = f"{system} ({threshold:g}, chosen on dev)" if system != "Ours" else system
            rows.append(_measured(name, title, report.actual, report.predicted, printed.pop(system, None)))
        rows += [
            _row(name, f"dev at {level.threshold:g}", None, {"micro_f1": level.micro_f1, "macro_f1": level.macro_f1})
            for level in levels
        ]
        rows += [_row(name, system, pair, {}) for system, pair in printed.items()]
    return _outcome(laboratory, "4", "Table 4: cosine threshold, chosen on dev", rows)


def ablations(laboratory: Laboratory) -> Outcome:
    """Table 5: without semantic loss (lambda = 1), and without descriptions (names are the targets)."""
    rows: list[Row] = []
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        printed = {system: sets[name] for system, sets in figures.TABLE_5.items() if name in sets}
        variants: Sequence[tuple[str, Split, Mapping[str, Any]]] = (
            ("Ours", split, {}),
            ("w/o semantic loss", split, WITHOUT_SEMANTIC_LOSS),
            ("w/o semantic loss and description term", split, {**WITHOUT_SEMANTIC_LOSS, "description_weight": 0.0}),
            ("w/o label description", dataclasses.replace(split, label_set=_atomic(split.label_set)), {}),
        )
        for system, own, changes in variants:
            report = laboratory.report(name, own, **changes)
            rows.append(_measured(name, system, report.actual, report.predicted, printed.get(system)))
    return _outcome(laboratory, "5", "Table 5: ablations of the loss and the descriptions", rows)


def label_counts(laboratory: Laboratory) -> Outcome:
    """Table 6: documents by number of labels, carried and given."""
    rows: list[Row] = []
    for data in laboratory.data_sets():
        report = laboratory.report(data.name, data.split)
        printed = figures.COUNTS.get(data.name, {})
        for count in label_count_table(report.actual, report.predicted):
            actual, predicted = printed.get(count.labels, (None, None))
            cells = {"actual": Cell(actual, count.actual), "predicted": Cell(predicted, count.predicted)}
            rows.append(Row(data.name, f"{count.labels} labels", cells))
    return _outcome(laboratory, "6", "Table 6: number of labels a document", rows)


def matcher_ablation(laboratory: Laboratory, matchers: Sequence[str]) -> Outcome:
    """Table 7: other sentence encoders in the label matcher, and the prompt without instruction.

    Args:
        laboratory: data and runs.
        matchers: sentence-transformers folders or hub names; "" is the frozen built-in encoder.
    """
    rows: list[Row] = []
    with_prompt = {"instruction": INSTRUCTION, "task_description": TASK_DESCRIPTION}
    without = {"instruction": "", "task_description": ""}
    prompted = laboratory.config.resolved_family != "embedded"  # an embedded encoder reads no instruction
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        printed = {system: sets[name] for system, sets in figures.MATCHERS.items() if name in sets}
        report = laboratory.report(name, split, **(with_prompt if prompted else without))
        rows.append(
            _macro(name, "Ours" if prompted else "Ours (no instruction by default)", report, printed.get("Ours"))
        )
        for matcher in matchers:
            title = f"matcher {matcher or 'all-MiniLM-L6-v2, frozen'}"
            rows.append(_macro(name, title, rematched(report, matcher or None), None))
        other = laboratory.report(name, split, **(without if prompted else with_prompt))
        title = "w/o instruction" if prompted else "with the paper's instruction"
        rows.append(_macro(name, title, other, printed.get("w/o instruction") if prompted else None))
        others = ("S-BERT-L12", "ST5-xxl") if prompted else ("S-BERT-L12", "ST5-xxl", "w/o instruction")
        rows += [Row(name, system, {"macro_f1": Cell(printed[system])}) for system in others if system in printed]
    return _outcome(laboratory, "7", "Table 7: matchers and the instruction", rows)


def descriptions_in_peers(laboratory: Laboratory) -> Outcome:
    """Table 8: a fine-tuned encoder with and without label descriptions."""
    rows: list[Row] = []
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        printed = {system: sets[name] for system, sets in figures.TABLE_8.items() if name in sets}
        actual = indicator([example.labels for example in split.test], split.label_set)
        for peer_name, system in (("sigmoid", "BERT"), ("sigmoid-descriptions", "BERT + Label Desc.")):
            predicted = laboratory.peer_predictions(name, split, peer_name)
            title = f"{system}; ours {peer(peer_name).title}"
            rows.append(_measured(name, title, actual, predicted, printed.pop(system, None)))
        rows += [_row(name, system, pair, {}) for system, pair in printed.items()]
    return _outcome(laboratory, "8", "Table 8: descriptions in a fine-tuned encoder", rows)


def _atomic(label_set: LabelSet) -> LabelSet:
    return LabelSet(Label(name, name) for name in label_set.names)


def _measured(
    data: str, system: str, actual: Indicator, predicted: Indicator, printed: tuple[float, float] | None
) -> Row:
    metrics = multilabel_metrics(actual, predicted, [""] * actual.shape[1])
    intervals = bootstrap_intervals(actual, predicted)
    cells = {
        name: Cell(paper, ours, intervals[name])
        for (name, ours), paper in zip(
            (("micro_f1", metrics.micro_f1), ("macro_f1", metrics.macro_f1)), printed or (None, None), strict=True
        )
    }
    return Row(data, system, cells)


def _macro(data: str, system: str, report: Report, printed: float | None) -> Row:
    interval = bootstrap_intervals(report.actual, report.predicted)["macro_f1"]
    return Row(data, system, {"macro_f1": Cell(printed, report.metrics.macro_f1, interval)})


def _row(data: str, system: str, printed: tuple[float, float] | None, ours: Mapping[str, float]) -> Row:
    pairs = zip(("micro_f1", "macro_f1"), printed or (None, None), strict=True)
    return Row(data, system, {name: Cell(paper, ours.get(name)) for name, paper in pairs})


def _outcome(laboratory: Laboratory, table: str, title: str, rows: Sequence[Row]) -> Outcome:
    return Outcome(table, title, laboratory.protocol(), rows, tuple(laboratory.notes))
