"""lagamc train: a run folder becomes a model folder."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.commands.terminal import add_json
from lagamc.errors import Cancelled, DatasetError, LagamcError, RunTaken
from lagamc.parameters import ParameterCount

if TYPE_CHECKING:
    from lagamc.callbacks import Callback

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("train", help="train the model that a run folder describes, or resume it")
    command.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="holds config, labels, train and dev files")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.callbacks import CancelRequest, EventLog, ProgressBar
    from lagamc.run import train_run
    from lagamc.workers import is_first_worker

    folder: Path = options.folder
    if not (folder / "config.json").is_file():  # nothing is written into a folder that is no run
        found = "holds no config.json" if folder.is_dir() else "is not a folder"
        raise DatasetError(f"{folder} {found}. Give a run folder with config.json, labels.json and documents.")
    events = EventLog(folder / "events.jsonl")
    callbacks: list[Any] = [events, _Opening()] if is_first_worker() else []
    if callbacks and sys.stderr.isatty():
        callbacks.append(ProgressBar())
    cancel = CancelRequest(folder / "cancel")
    try:
        with cancel.listening():
            manifest = train_run(folder, callbacks=callbacks, cancelled=cancel)
    except Cancelled as stop:  # its words may be those of an evaluation that was under way
        _tell(callbacks, "cancelled", {"message": "Training was cancelled."})
        first = f"Delete {folder / 'cancel'} first; then the" if (folder / "cancel").exists() else "The"
        raise Cancelled(f"Training was cancelled. {first} same command goes on from the last checkpoint.") from stop
    except RunTaken:  # the events are those of the other process
        raise
    except Exception as error:
        known = isinstance(error, LagamcError | OSError)
        if not known:
            traceback.print_exc()
        message = str(error) if known else f"{type(error).__name__}: {error}"
        _tell(callbacks or [events], "failed", {"error": message})
        if known:
            raise
        raise LagamcError(f"{message} (the traceback stands above)") from error
    if callbacks:
        _print_result(options, {"model": str(folder / "model"), "dev": manifest.dev, "test": manifest.test})


def _tell(callbacks: Sequence[Callback], kind: str, figures: dict[str, Any]) -> None:
    for callback in callbacks:
        with contextlib.suppress(OSError):  # a full disk must not hide what happened first
            callback.on_event(kind, figures)


class _Opening:
    """Says on a terminal how much of the model a run trains."""

    def on_event(self, kind: str, figures: dict[str, Any]) -> None:
        if kind == "started":
            print(ParameterCount(figures["trainable_parameters"], figures["parameters"]), file=sys.stderr)
            if unlabelled := figures["unlabelled_documents"]:
                print(f"{unlabelled:,} of {figures['train_documents']:,} train documents carry no label, and train as "
                      "such: their list under the key 'labels' is empty or not there.", file=sys.stderr)  # fmt: skip
            if cut := figures["cut_targets"]:
                print(f"{cut:,} documents carry more descriptions than the generator can write; the last ones are left "
                      "to the document-to-description term.", file=sys.stderr)  # fmt: skip
            if full := figures["full_documents"]:
                print(f"{full:,} documents reach the {figures['max_document_tokens']:,} tokens that the model reads; "
                      "what follows there is not read.", file=sys.stderr)  # fmt: skip


def _print_result(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    if options.json:
        print(json.dumps(figures))
        return
    print(f"The model lies in {figures['model']}")
    for split in ("dev", "test"):
        if figures[split]:
            print(f"{split}: micro-F1 {figures[split]['micro_f1']:.4f}, macro-F1 {figures[split]['macro_f1']:.4f}")
