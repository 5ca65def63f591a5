"""lagamc paper: one of the paper's tables or figures, run on the sets of a folder."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.commands.terminal import add_json, seed
from lagamc.errors import ConfigError

if TYPE_CHECKING:
    from lagamc.config import TrainingConfig
    from lagamc.paper.laboratory import Laboratory
    from lagamc.paper.outcome import Outcome

__all__ = ["TABLES", "register"]

_SHAPING = (
    "sets", "backbone", "epochs", "config", "peers", "peer_model", "matchers", "unseen", "train", "dev", "test", "seed",
)  # fmt: skip
TABLES = ("2", "3", "4", "5", "6", "7", "8", "fig2", "fig3", "fig46", "unified")


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("paper", help="run one of the paper's tables; its figures beside ours")
    command.add_argument("table", choices=TABLES, metavar="TABLE", help=", ".join(TABLES))
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder of sets, see docs/data.md")
    command.add_argument(
        "--runs", type=Path, default=Path("paper-runs"), metavar="DIR",
        help="run folders are kept here, and reused (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--out", type=Path, metavar="DIR", help="where TABLE.json and TABLE.svg go (default: --runs)")
    command.add_argument("--sets", default="", help="names separated by ',' (default: all in DIR)")
    command.add_argument("--backbone", default="minilm", help="as in lagamc train (default: %(default)s)")
    command.add_argument("--epochs", type=int, help="default: by size of train")
    command.add_argument(
        "--config", default="{}", metavar="JSON",
        help="more settings of lagamc train, such as '{\"batch_size\": 8}', the paper's",
    )  # fmt: skip
    command.add_argument("--peers", default="tfidf-svm,sigmoid", help="the closest first (default: %(default)s)")
    command.add_argument("--peer-model", help="encoder of the peers: hub name or folder (default: the built-in one)")
    command.add_argument("--matchers", default="", help="table 7: S-BERT-L12, ST5-xxl, or sentence transformers")
    command.add_argument("--unseen", type=int, default=4, help="fig2: labels held out a set (default: %(default)s)")
    for part in ("train", "dev", "test"):
        command.add_argument(f"--{part}", type=int, metavar="N", help=f"at most N {part} documents a set")
    command.add_argument("--seed", type=seed, default=13)
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    add_json(command)
    command.set_defaults(run=run, parser=command)


def run(options: argparse.Namespace) -> None:
    from lagamc.baselines import PeerSettings
    from lagamc.paper.chart import bar_chart
    from lagamc.paper.laboratory import Laboratory, Sizes
    from lagamc.provenance import provenance

    for name in ("train", "dev", "test", "unseen"):
        if (size := getattr(options, name)) is not None and size < 1:
            raise ConfigError(f"--{name} must be at least 1, got {size}.")
    config = _config(options)
    folder: Path = options.out or options.runs
    for results in (options.runs, folder):
        try:
            results.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{results} is no folder that results can be written to ({error.strerror}).") from error
    laboratory = Laboratory(
        options.data, options.runs, config=config, peers=_names(options.peers), chosen=_names(options.sets),
        peer_settings=PeerSettings.like(config, model=options.peer_model),
        sizes=Sizes(train=options.train, dev=options.dev, test=options.test),
        say=lambda line: print(f"lagamc: {line}", file=sys.stderr),
    )  # fmt: skip
    outcome = _tables(options)[options.table](laboratory)
    content = {
        **outcome.to_dict(),
        "command": _given(options),
        "made": laboratory.made,
        **provenance(seed=config.seed, configuration=config.to_dict()),
    }
    (folder / f"{outcome.table}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if outcome.rows:
        (folder / f"{outcome.table}.svg").write_text(bar_chart(outcome), encoding="utf-8")
    print(json.dumps(content, ensure_ascii=False) if options.json else "\n".join(outcome.lines()))


def _given(options: argparse.Namespace) -> str:
    """The command, without where data and results lie on this machine."""
    words = ["lagamc", "paper", options.table, "--data", "DIR"]
    for name in _SHAPING:
        if (value := getattr(options, name)) != options.parser.get_default(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _config(options: argparse.Namespace) -> TrainingConfig:
    from lagamc.config import TrainingConfig

    try:
        changes = json.loads(options.config)
    except ValueError as error:
        raise ConfigError(f"--config must be JSON: {error}.") from error
    if not isinstance(changes, dict):
        raise ConfigError(f"--config must be a JSON object of settings, got {options.config}.")
    named = {name: getattr(options, name) for name in ("backbone", "epochs", "seed", "device")}
    return TrainingConfig.from_dict({**named, "decision": "written", **changes})


def _tables(options: argparse.Namespace) -> Mapping[str, Callable[[Laboratory], Outcome]]:
    from lagamc.paper import curves, tables

    return {
        "2": curves.prompts,
        "3": tables.main_comparison,
        "4": tables.thresholds,
        "5": tables.ablations,
        "6": tables.label_counts,
        "7": lambda laboratory: tables.matcher_ablation(laboratory, ("", *_names(options.matchers))),
        "8": tables.descriptions_in_peers,
        "fig2": lambda laboratory: curves.unseen_labels(laboratory, count=options.unseen),
        "fig3": curves.rare_labels,
        "fig46": curves.length_curves,
        "unified": curves.unified,
    }


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
