"""Table 2, Figures 2 to 6, and the unified data set of section 8.4."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import mean

from lagamc.analysis import length_buckets, rarest_labels, subset_figures
from lagamc.baselines import PeerSettings, peer
from lagamc.corpus import Corpus, Example
from lagamc.datasets import DataSet, Split
from lagamc.errors import DatasetError
from lagamc.evaluation import Report, evaluate_classifier
from lagamc.labels import Label, LabelSet
from lagamc.metrics import Indicator
from lagamc.paper.figures import AVERAGES, SETS
from lagamc.paper.laboratory import Laboratory
from lagamc.paper.outcome import Cell, Outcome, Row
from lagamc.prompts import Prompt, Target
from lagamc.unseen import hold_out_labels

__all__ = ["length_curves", "prompts", "rare_labels", "unified", "unified_split", "unseen_labels"]

UNIFIED_TRAIN, UNIFIED_DEV, UNIFIED_TEST = 500, 100, 100


def prompts(laboratory: Laboratory) -> Outcome:
    """Table 2: the prompt and the target of one training document of each set."""
    notes = []
    stop = Target(".")
    for data in laboratory.data_sets():
        example = max(data.split.train, key=lambda item: len(item.labels))
        descriptions = data.split.label_set.to_mapping()
        target = ". ".join(stop.body(descriptions[name]) for name in example.labels)
        notes.append(f"{data.name}, prompt: {Prompt().render(example.text)}")
        notes.append(f"{data.name}, target: {target}.")
    title = "Table 2: prompt and target (the paper parts descriptions by a full stop; ours by a token of its own)"
    return Outcome("2", title, "one training document a set, nothing is trained.", (), (*laboratory.notes, *notes))


def unseen_labels(laboratory: Laboratory, *, count: int = 4) -> Outcome:
    """Figure 2: labels that no training document carries, against full training and a frozen encoder's cosine."""
    rows, full_figures, held_figures = [], [], []
    notes: list[str] = []
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        try:
            held, chosen = hold_out_labels(split, count=count, seed=laboratory.config.seed)
        except DatasetError as error:
            notes.append(f"{name} is left out: {error}")
            continue
        full = laboratory.report(name, split)
        learnt = LabelSet(label for label in split.label_set if label.name not in chosen)
        classifier = laboratory.classifier(f"{name}-unseen", dataclasses.replace(held, label_set=learnt))
        added = [label for label in split.label_set if label.name in chosen]
        zero = evaluate_classifier(classifier.with_labels(added), split.test)
        full_figures.append(full.metrics.macro_f1)
        held_figures.append(zero.metrics.macro_f1)
        settings = PeerSettings(device=laboratory.config.device)
        cosine = peer("zero-shot").run(dataclasses.replace(held, label_set=zero.label_set), settings).predicted
        notes.append(f"{name}: {', '.join(chosen)} lie on no train or dev document; {len(held.train):,} remain.")
        rows += [
            Row(name, "full training", {"macro_f1": Cell(None, full.metrics.macro_f1)}),
            Row(name, "unseen labels held out", {"macro_f1": Cell(None, zero.metrics.macro_f1)}),
            _on_labels(name, "held-out labels, full training", full, full.predicted, chosen),
            _on_labels(name, "held-out labels, never trained on", zero, zero.predicted, chosen),
            _on_labels(name, "held-out labels, zero-shot cosine of the frozen encoder", zero, cosine, chosen),
        ]
    if full_figures:
        of = _sets(len(full_figures))
        rows.append(Row(of, "full training", {"macro_f1": Cell(AVERAGES["full training"], mean(full_figures))}))
        rows.append(
            Row(of, "unseen labels held out", {"macro_f1": Cell(AVERAGES["unseen labels"], mean(held_figures))})
        )
    title = "Figure 2: labels without a training document, added after training by their descriptions"
    return Outcome("fig2", title, laboratory.protocol(), rows, (*laboratory.notes, *notes))


def rare_labels(laboratory: Laboratory) -> Outcome:
    """Figure 3: macro-F1 on the least frequent 15% of labels, ours and the peers'."""
    rows = []
    for data in laboratory.data_sets():
        name, split = data.name, data.split
        report = laboratory.report(name, split)
        rare = rarest_labels(split.train.label_counts(), report.label_set.names)
        systems = [("lagamc, free-running", report.predicted)]
        same = dataclasses.replace(split, label_set=report.label_set)  # peers answer in the model's label order
        systems += [(item.title, laboratory.peer_predictions(name, same, item.name)) for item in laboratory.peers]
        for system, predicted in systems:
            found = subset_figures(report.actual, predicted, report.label_set, rare)
            cells = {
                "macro_f1_of_carriers": Cell(None, found.macro_f1_of_carriers),
                "macro_f1": Cell(None, found.macro_f1),
            }
            rows.append(Row(name, f"{system}, {len(rare)} labels", cells))
    note = (
        "The paper shows bars without numbers and says that its model leads by 22% on average. Its protocol looks only "
        "at documents that carry a rare label (macro_f1_of_carriers); macro_f1 is over all test documents."
    )
    title = "Figure 3: least frequent 15% of labels"
    return Outcome("fig3", title, laboratory.protocol(), rows, (*laboratory.notes, note))


def length_curves(laboratory: Laboratory, *, buckets: int = 5) -> Outcome:
    """Figures 4 to 6: figures by length of the concatenated descriptions."""
    rows = []
    for data in laboratory.data_sets():
        report = laboratory.report(data.name, data.split)
        for bucket in length_buckets(report.actual, report.predicted, report.label_set, buckets=buckets):
            cells = {"micro_f1": Cell(None, bucket.micro_f1), "macro_f1": Cell(None, bucket.macro_f1)}
            span = f"{bucket.shortest} to {bucket.longest} words, {bucket.documents:,} documents"
            rows.append(Row(data.name, span, cells))
    note = "The paper shows curves without numbers: a slight drop for very long descriptions."
    title = "Figures 4 to 6: length of the concatenated descriptions"
    return Outcome("fig46", title, laboratory.protocol(), rows, (*laboratory.notes, note))


def unified(laboratory: Laboratory) -> Outcome:
    """Section 8.4: one model for samples of all sets, against one a set, as in Table 3, on all of its documents."""
    title = (
        f"One model for at most {UNIFIED_TRAIN} train, {UNIFIED_DEV} dev and {UNIFIED_TEST} test documents of each set"
    )
    own_model = "a model of its own, on all documents"
    sets = laboratory.data_sets()
    if not sets:
        return Outcome("unified", title, laboratory.protocol(), (), tuple(laboratory.notes))
    rows = [Row(data.name, own_model, _macro(laboratory.report(data.name, data.split))) for data in sets]
    own = [row.cells["macro_f1"].ours or 0.0 for row in rows]
    mixed = unified_split(sets, seed=laboratory.config.seed)
    report = laboratory.report("unified", mixed)
    rows.append(Row(_sets(len(own)), own_model, {"macro_f1": Cell(AVERAGES["full training"], mean(own))}))
    cell = dataclasses.replace(_macro(report)["macro_f1"], paper=AVERAGES["unified"])
    rows.append(Row("unified", "one model for all", {"macro_f1": cell}))
    for item in laboratory.peers:
        same = dataclasses.replace(mixed, label_set=report.label_set)
        predicted = laboratory.peer_predictions("unified", same, item.name)
        figures = subset_figures(report.actual, predicted, report.label_set, report.label_set.names)
        rows.append(Row("unified", item.title, {"macro_f1": Cell(None, figures.macro_f1)}))
    title += f", {len(mixed.label_set)} labels"
    return Outcome("unified", title, laboratory.protocol(), rows, tuple(laboratory.notes))


def unified_split(sets: Sequence[DataSet], *, seed: int) -> Split:
    """Samples of all sets in one; labels are called `set: label`, and equal descriptions get that name in front."""
    labels: dict[str, Label] = {}
    parts: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    taken: set[str] = set()
    for data in sets:
        for label in data.split.label_set:
            name = f"{data.name}: {label.name}"
            text = label.description
            text = f"{name}: {text}" if text.casefold() in taken else text
            taken.add(text.casefold())
            labels[name] = Label(name, text)
        split = data.split.sampled(train=UNIFIED_TRAIN, dev=UNIFIED_DEV, test=UNIFIED_TEST, seed=seed)
        for part, examples in parts.items():
            corpus: Corpus = getattr(split, part)
            examples += [
                Example(f"{data.name}/{item.id}", item.text, tuple(f"{data.name}: {name}" for name in item.labels))
                for item in corpus
            ]
    train, dev, test = (Corpus(examples) for examples in parts.values())
    return Split(train, dev, test, LabelSet(labels.values()))


def _sets(number: int) -> str:
    """The name of a mean: the paper's is over five sets, whatever is found here."""
    return f"mean of {number} (paper: {len(SETS)})"


def _macro(report: Report) -> dict[str, Cell]:
    return {"macro_f1": Cell(None, report.metrics.macro_f1)}


def _on_labels(data: str, system: str, report: Report, predicted: Indicator, chosen: Sequence[str]) -> Row:
    figures = subset_figures(report.actual, predicted, report.label_set, chosen)
    return Row(data, system, {"macro_f1": Cell(None, figures.macro_f1)})
