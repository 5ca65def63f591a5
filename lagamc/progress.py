"""How far a run is, and the checkpoint from which it goes on as if nothing had happened.

Of several processes the first alone finds its random state again: the others draw other dropout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lagamc.checkpoint import read_json, recovered, replaced_folder
from lagamc.errors import CheckpointError

__all__ = ["TrainingState", "has_checkpoint", "load_weights", "read_checkpoint", "weights_of", "write_checkpoint"]

Learners = Mapping[str, nn.Parameter]  # every parameter that the optimiser changes, by name
Weights = dict[str, Tensor]


@dataclass(slots=True)
class TrainingState:
    """How far a run is; saved with every checkpoint."""

    step: int = 0
    elapsed: float = 0.0  # seconds of training, earlier sessions of a resumed run included
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)  # dev figures of the best epoch, by its best rule


def weights_of(learners: Learners) -> Weights:
    """A copy of the weights on the CPU."""
    return {name: parameter.detach().cpu().clone() for name, parameter in learners.items()}


@torch.no_grad()
def load_weights(learners: Learners, weights: Weights) -> None:
    """Put weights back. Raises CheckpointError where they are another model's."""
    if weights.keys() != learners.keys():
        raise CheckpointError("The checkpoint belongs to another model. Delete checkpoint/ to start afresh.")
    for name, parameter in learners.items():
        parameter.copy_(weights[name])


def has_checkpoint(folder: Path) -> bool:
    """Whether a run can go on from here."""
    return (recovered(folder) / "state.json").exists()


def write_checkpoint(
    folder: Path, *, learners: Learners, optimizer: torch.optim.Optimizer, state: TrainingState, best: Weights,
    said: Tensor, device: torch.device, origin: Mapping[str, str],
) -> None:  # fmt: skip
    """Write weights, the best ones, optimiser and random state, and how far the run is: whole or not at all.

    `said` is what the model learns from itself (`SelfDistillation.said`).
    `origin` names what the run was begun with by hashes, {"train documents": ...}.
    """
    moments = {
        f"{name}/{key}": value.detach().cpu().reshape(value.shape).clone()
        for name, parameter in learners.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    random = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    with replaced_folder(folder) as draft:
        save_file(weights_of(learners), draft / "weights.safetensors")
        save_file(moments, draft / "optimizer.safetensors")
        save_file(random, draft / "random.safetensors")
        save_file({"said": said.cpu()}, draft / "said.safetensors")
        if best:
            save_file(best, draft / "best.safetensors")
        (draft / "state.json").write_text(json.dumps({**asdict(state), "origin": dict(origin)}), encoding="utf-8")


def read_checkpoint(
    folder: Path, *, learners: Learners, optimizer: torch.optim.Optimizer, said: Tensor, device: torch.device,
    origin: Mapping[str, str], own_random: bool,
) -> tuple[TrainingState, Weights]:  # fmt: skip
    """Put back what `write_checkpoint` wrote; `own_random` leaves the random state out, which belongs to one process.

    Returns:
        How far the run is, and its best weights; none before the first evaluation.

    Raises:
        CheckpointError: a file is damaged, or of another origin.
    """
    saved = read_json(folder / "state.json")
    begun = saved.pop("origin", {})
    if changed := [name for name, value in origin.items() if begun.get(name) != value]:
        raise CheckpointError(
            f"The run was begun with other {', '.join(changed)} than lie in its folder now. Put back what was there, "
            "or delete checkpoint/ to start afresh."
        )
    best: Weights = {}
    try:
        load_weights(learners, load_file(folder / "weights.safetensors"))
        moments = load_file(folder / "optimizer.safetensors")
        if (folder / "best.safetensors").exists():
            best = load_file(folder / "best.safetensors")
        said.copy_(load_file(folder / "said.safetensors")["said"])
        random = load_file(folder / "random.safetensors")
        if not own_random:
            torch.set_rng_state(random["cpu"])
            if device.type == "cuda" and "cuda" in random:  # absent where the run began on a CPU
                torch.cuda.set_rng_state(random["cuda"], device)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"The checkpoint is damaged ({error}). Delete checkpoint/ to start afresh.") from error
    for name, parameter in learners.items():
        keys = [key for key in moments if key.startswith(f"{name}/")]
        if keys:
            optimizer.state[parameter] = {key.rsplit("/", 1)[1]: moments[key].to(parameter.device) for key in keys}
    return TrainingState(**saved), best
