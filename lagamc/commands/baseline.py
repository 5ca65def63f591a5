"""lagamc baseline: a peer trained on the same documents, measured the same way."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.commands.terminal import add_json, at_least, seed
from lagamc.errors import ConfigError

if TYPE_CHECKING:
    from lagamc.baselines import Peer, PeerResult, PeerSettings
    from lagamc.datasets import DataSet

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("baseline", help="train a peer on the same split; NAME 'list' names them")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--data", type=Path, metavar="DIR", help="train, dev and test files and labels.json")
    command.add_argument("--model", help="hub name or folder of the encoder, or name of the chat model")
    command.add_argument("--base-url", help="of an OpenAI-compatible server (chat); the key is OPENAI_API_KEY")
    command.add_argument("--answers", type=Path, default=Path("chat-answers.jsonl"), metavar="FILE",
        help="keeps the chat model's answers, and is read before it is asked (default: %(default)s)")  # fmt: skip
    command.add_argument("--epochs", type=int, help="default: as many as lagamc train would take")
    command.add_argument("--learning-rates", metavar="A,B",
        help="of a fine-tuned encoder; dev chooses (default: 1e-4 for the built-in one, else 2e-5,5e-5)")  # fmt: skip
    command.add_argument("--sample", type=at_least(1), metavar="N",
        help="at most N documents of dev and of test (default: all; the paper asked its chat models 500)")  # fmt: skip
    command.add_argument("--seed", type=seed, default=13)
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.baselines import PEERS, PeerSettings, peer
    from lagamc.datasets import read_data_set

    if options.name == "list":
        for item in PEERS.values():
            if options.json:
                print(json.dumps({"name": item.name, "title": item.title, "extra": item.extra}, ensure_ascii=False))
                continue
            print(f"{item.name:<22} {item.title}{' (optional extra: ' + item.extra + ')' if item.extra else ''}")
        return
    item = peer(options.name)
    if options.data is None:
        raise ConfigError("Give a folder with train, dev and test files and labels.json: --data DIR.")
    settings = PeerSettings(
        model=options.model, base_url=options.base_url, epochs=options.epochs, seed=options.seed,
        learning_rates=_rates(options.learning_rates), device=options.device, answers=options.answers,
    )  # fmt: skip
    data = read_data_set(options.data)
    split = data.split.sampled(dev=options.sample, test=options.sample, seed=options.seed)
    result = item.run(split, settings)
    _print(options, item, data, settings, result)


def _rates(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"Learning rates are numbers separated by ',', got {text!r}.") from error


def _print(options: argparse.Namespace, item: Peer, data: DataSet, settings: PeerSettings, result: PeerResult) -> None:
    figures = result.metrics.summary()
    if options.json:
        content = {
            "system": item.title, "data": data.name, "test_documents": len(result.predicted), "seed": settings.seed,
            **figures, "dev": result.dev.summary(), "threshold": result.threshold, "chosen": dict(result.chosen),
            "undescribed_labels": data.undescribed,
        }  # fmt: skip
        print(json.dumps(content, ensure_ascii=False))
        return
    print(f"{item.title} on {data.name}, {len(result.predicted):,} test documents")
    if data.undescribed:
        print(f"{len(data.undescribed)} labels have no description; their name stands in for it")
    chosen = ", ".join(f"{name} {value}" for name, value in result.chosen.items())
    print(f"chosen on dev: threshold {result.threshold:.4g}{', ' + chosen if chosen else ''}")
    for name, value in figures.items():
        print(f"{name:>16}  {value:.4f}")
