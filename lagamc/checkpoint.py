"""Run folders and model folders on disk: written whole or not at all, checked when read, never unpickled."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus
from lagamc.decision import DecisionRule
from lagamc.errors import CheckpointError
from lagamc.labels import LabelSet

if TYPE_CHECKING:
    from lagamc.contrast import Contrasts
    from lagamc.neighbours import Neighbours
    from lagamc.trainer import Trainer
    from lagamc.zero_shot import ZeroShotScore

__all__ = [
    "Manifest",
    "read_json",
    "read_manifest",
    "recovered",
    "replaced_folder",
    "verify_model_folder",
    "write_model_folder",
    "write_run_folder",
]

FORMAT = 6
_PACKAGES = ("torch", "transformers", "peft", "sentence-transformers", "numpy", "safetensors")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model version is: everything needed to tell whether it fits, and where it came from."""

    label_set_hash: str
    training_data_hash: str
    config: dict[str, Any]
    threshold: float
    rule: dict[str, float]  # of lagamc.decision
    zero_shot: dict[str, float]  # of lagamc.zero_shot
    max_new_tokens: int
    dev: dict[str, float]
    test: dict[str, float] | None
    versions: dict[str, str]
    created_at: str  # ISO 8601, UTC
    files: dict[str, str]  # path in the folder > sha256
    format: int = FORMAT


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """A fresh folder to write into that takes the place of `folder` when all went well.

    A process killed while one takes the other's place leaves `folder` under another name; see `recovered`.

    Raises:
        OSError: the disk takes no more, or not from this user.
    """
    draft = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    except SafetensorError as error:  # its own for what the system says of a file
        shutil.rmtree(draft, ignore_errors=True)
        raise OSError(f"{folder} cannot be written: {error}") from error
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    if folder.exists():
        old = _set_aside(folder)
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old)
    else:
        draft.rename(folder)


def recovered(folder: Path) -> Path:
    """The folder, put back in its place where a kill came between the two steps of `replaced_folder`."""
    if not folder.exists() and _set_aside(folder).exists():
        _set_aside(folder).rename(folder)
    return folder


def _set_aside(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object. Raises CheckpointError when it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} in {path.absolute().parent.name} is missing or damaged: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} in {path.absolute().parent.name} is damaged: it holds no JSON object.")
    return content


def write_run_folder(
    folder: str | Path, *, config: TrainingConfig, labels: LabelSet, train: Corpus, dev: Corpus,
    test: Corpus | None = None,
) -> None:  # fmt: skip
    """Write what a training run reads: config.json, labels.json, train.jsonl, dev.jsonl and test.jsonl.

    Raises:
        CheckpointError: the folder exists and is not empty.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise CheckpointError(f"The folder {folder.name} exists and is not empty. Choose another one.")
    with replaced_folder(folder) as draft:
        (draft / "config.json").write_text(json.dumps(config.to_dict(), indent=1) + "\n", encoding="utf-8")
        labels.write(draft / "labels.json")
        train.write_jsonl(draft / "train.jsonl")
        dev.write_jsonl(draft / "dev.jsonl")
        if test is not None:
            test.write_jsonl(draft / "test.jsonl")


def write_model_folder(
    folder: Path, trained: Trainer, *, rule: DecisionRule, zero_shot: ZeroShotScore, contrasts: Contrasts,
    neighbours: Neighbours | None, dev: dict[str, float], test: dict[str, float] | None,
) -> None:  # fmt: skip
    """Write a trained model, its descriptions' embeddings and its manifest; the folder appears whole or not at all."""
    from safetensors.torch import save_file

    backbone, labels, config = trained.backbone, trained.label_set, trained.config
    with replaced_folder(folder) as draft:
        backbone.save(draft)
        labels.write(draft / "labels.json")
        save_file(backbone.embed_descriptions(labels.descriptions), draft / "descriptions.safetensors")
        contrasts.save(draft)
        if neighbours is not None:
            neighbours.save(draft)
        files = {str(path.relative_to(draft)): _sha256(path) for path in sorted(draft.rglob("*")) if path.is_file()}
        manifest = Manifest(
            label_set_hash=labels.hash, training_data_hash=trained.training_data_hash,
            # the folder says by itself of which family it is: the pretrained one may be gone when it is read
            config=dataclasses.replace(config, family=config.resolved_family).to_dict(),
            threshold=config.threshold, rule=rule.to_dict(), zero_shot=zero_shot.to_dict(),
            max_new_tokens=trained.max_new_tokens, dev=dev, test=test,
            versions={name: importlib.metadata.version(name) for name in _PACKAGES},
            created_at=datetime.now(UTC).isoformat(timespec="seconds"), files=files,
        )  # fmt: skip
        (draft / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")


def read_manifest(model_folder: str | Path) -> Manifest:
    """Read a model folder's manifest. Raises CheckpointError when it is missing, damaged or newer."""
    model_folder = Path(model_folder)
    if not (model_folder / "manifest.json").is_file():
        raise CheckpointError(
            f"{model_folder} is no model folder: it lacks manifest.json. A training run that completes writes one, "
            "RUN_FOLDER/model; restore it or train again."
        )
    content = read_json(model_folder / "manifest.json")
    if content.get("format") != FORMAT:
        raise CheckpointError(
            f"The model in {model_folder.name} has format {content.get('format')!r}; this version reads {FORMAT}. "
            "Train it again, or use the version that wrote it."
        )
    try:
        return Manifest(**content)
    except TypeError as error:
        raise CheckpointError(f"The manifest of {model_folder.name} is damaged: {error}") from error


def verify_model_folder(model_folder: str | Path) -> tuple[Manifest, LabelSet]:
    """Check every file of a model folder against its manifest.

    Raises:
        CheckpointError: a file is missing or changed, or the labels are not those it was trained on.
    """
    model_folder = Path(model_folder)
    manifest = read_manifest(model_folder)
    for name, expected in manifest.files.items():
        path = model_folder / name
        if not path.is_file():
            raise CheckpointError(f"The model in {model_folder} lacks {name}. Restore the folder or train again.")
        if _sha256(path) != expected:
            raise CheckpointError(
                f"{name} in {model_folder} has changed since training. Restore the folder or train again."
            )
    labels = LabelSet.read(model_folder / "labels.json")
    if labels.hash != manifest.label_set_hash:
        raise CheckpointError(f"The model in {model_folder} was trained on another label set. Train again.")
    return manifest, labels


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
