"""Trained models and peers behind the tables, each made once: run folders are kept, and stopped ones go on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lagamc.baselines import PeerSettings, peer
from lagamc.callbacks import EventLog
from lagamc.checkpoint import read_json, replaced_folder, write_run_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig, recommended_epochs
from lagamc.datasets import SPLITS, DataSet, Split, find_data_sets, read_data_set, split_file
from lagamc.errors import DatasetError
from lagamc.evaluation import Report, evaluate_classifier
from lagamc.metrics import Indicator, indicator
from lagamc.paper.figures import OURS_3, counterpart
from lagamc.provenance import provenance
from lagamc.run import train_run

__all__ = ["Laboratory", "Sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """At most so many documents of each part of every set; None takes all."""

    train: int | None = None
    dev: int | None = None
    test: int | None = None


class Laboratory:
    """Data sets from one folder, runs into another.

    Args:
        data: a folder of data sets, laid out as docs/data.md says.
        runs: where run folders and peer results are kept.
        config: of every run, but for what a table varies.
        peers: names of the peers that tables compare with, the strongest first.
        peer_settings: of those peers.
        sizes: to make a run small.
        chosen: the sets to use; all by default.
        say: told what is going on, a line at a time.

    Raises:
        DatasetError: there is no set, or a chosen one is missing.
    """

    def __init__(
        self, data: str | Path, runs: str | Path, *, config: TrainingConfig, peers: tuple[str, ...] = (),
        peer_settings: PeerSettings | None = None, sizes: Sizes | None = None, chosen: tuple[str, ...] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        found = find_data_sets(data)
        if missing := [name for name in chosen if name not in found]:
            raise DatasetError(f"{data} has no set called {', '.join(missing)}; it has {', '.join(found)}.")
        self.names = chosen or found
        self.config = config
        self.notes: dict[str, None] = {}  # in order, each once
        self.made: dict[str, dict[str, str]] = {}  # revision and time of every run that was used, by its name
        self._data, self._runs, self._sizes = Path(data), Path(runs), sizes or Sizes()
        self.peers = tuple(peer(name) for name in peers)
        self.peer_settings = peer_settings or PeerSettings(seed=config.seed, device=config.device)
        self._say = say

    def data_sets(self) -> list[DataSet]:
        """The sets that can be trained on, cut to size; a note says why another cannot, or what stands in.

        All are read before anything is trained. Raises what `read_data_set` does.
        """
        found = []
        for name in self.names:
            folder = self._data / name
            if missing := [part for part in SPLITS if split_file(folder, part) is None]:
                self.notes[f"{name} is left out: it has no {' and no '.join(missing)} file."] = None
                continue
            data = read_data_set(folder)
            if data.undescribed:
                self.notes[
                    f"{name}: {len(data.undescribed)} of {len(data.split.label_set)} labels have no description; "
                    "their name stands in for it."
                ] = None
            sizes = self._sizes
            split = data.split.sampled(train=sizes.train, dev=sizes.dev, test=sizes.test, seed=self.config.seed)
            found.append(dataclasses.replace(data, split=split))
        return found

    def classifier(self, name: str, split: Split, **changes: Any) -> Classifier:
        """A model trained on the split with the changed settings; the same request finds the same run folder."""
        config = dataclasses.replace(self.config, **changes)
        wanted = [config.to_dict(), split.label_set.hash, split.train.hash, split.dev.hash]
        folder = self._runs / f"{name}-seed{config.seed}-{_digest(wanted)}"
        if not folder.exists():
            origin = provenance(seed=config.seed, configuration=config.to_dict())
            with replaced_folder(folder) as draft:  # a run without its origin could be used for nothing
                write_run_folder(draft, config=config, labels=split.label_set, train=split.train, dev=split.dev)
                (draft / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
        self._note_origin(folder.name, read_json(folder / "origin.json"))
        if not (folder / "model").exists():
            self._say(f"training {folder.name} on {len(split.train):,} documents")
            train_run(folder, callbacks=[EventLog(folder / "events.jsonl")])
        return Classifier.load(folder / "model", device=config.device)

    def report(self, name: str, split: Split, **changes: Any) -> Report:
        """Free-running figures on test of the model that `classifier` gives."""
        classifier = self.classifier(name, split, **changes)
        self._say(f"classifying {len(split.test):,} test documents of {name}")
        return evaluate_classifier(classifier, split.test)

    def peer_predictions(self, name: str, split: Split, peer_name: str) -> Indicator:
        """(documents, labels) predicted by a peer on test, kept as a file."""
        settings = self.peer_settings
        wanted = [peer_name, _public(settings), split.label_set.hash, *(getattr(split, part).hash for part in SPLITS)]
        path = self._runs / "peers" / f"{name}-{peer_name}-{_digest(wanted)}.json"
        if not path.exists():
            self._say(f"training {peer_name} on {name}, {len(split.train):,} documents")
            answers = self._runs / "peers" / "chat-answers.jsonl"
            result = peer(peer_name).run(split, dataclasses.replace(settings, answers=answers))
            names = split.label_set.names
            labels = [[names[column] for column in row.nonzero()[0]] for row in result.predicted]
            path.parent.mkdir(parents=True, exist_ok=True)
            content = provenance(
                system=peer_name, seed=settings.seed, configuration=_public(settings), figures=result.metrics.summary(),
                threshold=result.threshold, chosen=dict(result.chosen), predictions=labels,
            )  # fmt: skip
            draft = path.with_name(f"{path.name}.{os.getpid()}")  # what a kill leaves of it is never read
            draft.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
            draft.replace(path)
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self._note_origin(path.stem, kept)
        return indicator(kept["predictions"], split.label_set)

    def _note_origin(self, name: str, origin: Mapping[str, Any]) -> None:
        self.made[name] = {key: origin[key] for key in ("revision", "time")}

    def protocol(self) -> str:
        """How our figures were made, in a sentence."""
        sizes = ", ".join(
            f"at most {size:,} {part}" for part, size in dataclasses.asdict(self._sizes).items() if size is not None
        )
        config = self.config
        ours = config.backbone + ("" if counterpart(config.backbone, OURS_3) == "LAGAMC" else
                                  ", where the paper's own method has flan-t5-large")  # fmt: skip
        epochs = f"{config.epochs} epochs" if config.epochs else (
            f"epochs by size of train ({recommended_epochs(50_000)} to {recommended_epochs(1)})"
        )  # fmt: skip
        return (
            f"free-running, backbone {ours}; {epochs}, learning rate {config.learning_rate:g} "
            f"({config.learning_rate * config.new_layer_rate:g} of adapters and new layers), batch size "
            f"{config.batch_size}, seed {config.seed}; peers' encoder {self.peer_settings.model or 'MiniLM, built in'}"
            f"{'; ' + sizes + ' documents a set' if sizes else ''}; epoch, thresholds and peers' settings chosen on "
            "dev, test read once; [95% bootstrap interval over test documents]."
        )


def _public(settings: PeerSettings) -> Mapping[str, Any]:
    return {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings) if field.compare}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
