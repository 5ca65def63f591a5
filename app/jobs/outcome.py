"""How a run ended, told from its last event, its exit code and its folder."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from lagamc.checkpoint import recovered, verify_model_folder
from lagamc.errors import CheckpointError
from storage.models import ModelVersion, Run, RunEvent, RunStatus

__all__ = ["Outcome", "judge", "model_version", "readable", "tail"]

FULL_DISK = "No space left on device"  # the words of the system, whoever passes them on
TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final status of a run, and for the unhappy ones what happened and what to do."""

    status: RunStatus
    error: str | None = None


def judge(folder: Path, last: RunEvent | None, *, watched: bool, exit_code: int | None) -> Outcome:
    """The outcome of a run whose child is gone.

    `last` is the newest terminal event since the launch, if there is one; `watched` tells whether the app saw the
    child end, or found it missing after a start.
    """
    if last is not None and last.type == "completed":
        return Outcome(RunStatus.COMPLETED)
    if last is not None and last.type == "cancelled":
        return Outcome(RunStatus.CANCELLED)
    if last is not None and last.type == "failed":
        said = readable(str(last.payload.get("error") or "no reason given")).rstrip(".")
        return Outcome(RunStatus.FAILED, _advised(f"Training failed: {said}.", folder))
    if (folder / "cancel").exists():
        return Outcome(RunStatus.CANCELLED, "Training did not stop in time after Cancel, so its process was ended.")
    if not watched:
        found = "The training process was gone when the app started, without a result."
        return Outcome(RunStatus.INTERRUPTED, _advised(found, folder))
    return Outcome(RunStatus.FAILED, _advised(_end(folder, exit_code), folder))


def model_version(run: Run, folder: Path) -> ModelVersion:
    """The model version that a completed run made, its labels in the model's own order.

    Raises:
        CheckpointError: the model folder is damaged, incomplete, or of other labels than the run's.
    """
    manifest, label_set = verify_model_folder(folder / "model")
    pinned = {entry["name"]: entry for entry in run.config["labels"]}
    if pinned.keys() != set(label_set.names):
        raise CheckpointError(f"The model in {folder} was trained on other labels than its run. Train again.")
    test = manifest.test or {}
    if missing := {"micro_f1", "macro_f1"} - manifest.dev.keys():
        raise CheckpointError(f"Its manifest lacks the dev figures {sorted(missing)}. Train again.")
    return ModelVersion(
        project_id=run.project_id,
        run_id=run.id,
        folder=f"{run.folder}/model",
        backbone=run.config["training"]["backbone"],
        label_set_hash=manifest.label_set_hash,
        training_data_hash=manifest.training_data_hash,
        threshold=manifest.threshold,
        labels=[pinned[name] for name in label_set.names],
        dev_micro_f1=manifest.dev["micro_f1"],
        dev_macro_f1=manifest.dev["macro_f1"],
        test_micro_f1=test.get("micro_f1"),
        test_macro_f1=test.get("macro_f1"),
    )


def tail(path: Path, lines: int) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def readable(text: str) -> str:
    """The text without what a database refuses: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _end(folder: Path, exit_code: int | None) -> str:
    if exit_code is None:
        return "The training process ended without a result."
    if exit_code < 0:
        known = {number.value: number.name for number in signal.Signals}
        name = known.get(-exit_code, f"signal {-exit_code}")
        cause = " (often because memory ran out: try a smaller batch size)" if name == "SIGKILL" else ""
        return f"The training process was ended from outside by {name}{cause}."
    words = readable(tail(folder / "log.txt", 1)).strip()
    found = f"The training process ended with exit code {exit_code}"
    return f"{found}; its last words: {words.rstrip('.')}." if words else f"{found}."


def _advised(found: str, folder: Path) -> str:
    remedy = " Free some space on the disk first." if FULL_DISK in found else ""
    if recovered(folder / "checkpoint").exists():
        advice = "Resume it to go on from the last checkpoint."
    else:
        advice = "No checkpoint was written yet; resuming starts it over."
    return f"{found}{remedy} The log is {folder / 'log.txt'}. {advice}"
