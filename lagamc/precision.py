"""Which device and number format a run uses, and in which order it adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from lagamc.config import PRECISIONS
from lagamc.errors import ConfigError

__all__ = ["chosen_device", "chosen_precision", "reproducible"]


def chosen_device(name: str) -> torch.device:
    """`auto` is the first GPU, or the CPU. Raises ConfigError for a device that is not here.

    For a GPU, cuDNN's attention is switched off in this process: it plans anew for every shape, and few batches of
    texts have one in common.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = f" ({error})" if name.startswith("cuda") else ""  # of others torch lists a page of what it might know
        raise ConfigError(f"The device {name!r} cannot be used here{reason}. Use auto, cpu or cuda.") from error
    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
    return device


def chosen_precision(name: str, device: torch.device) -> Literal["float32", "bfloat16"]:
    """`auto` is bfloat16 where the processor multiplies in it; benchmarks/precision.py measures why.

    Raises:
        ConfigError: the name is none of `PRECISIONS`.
    """
    if name not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, got {name!r}.")
    if name == "auto":
        return "bfloat16" if _multiplies_bfloat16(device) else "float32"
    return "bfloat16" if name == "bfloat16" else "float32"


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """On a CPU, gradients are added up in one order meanwhile, not in that in which threads come to an end."""
    deterministic: Any = torch.utils.deterministic
    before, filling = torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(before or device.type == "cpu")
    deterministic.fill_uninitialized_memory = False  # with NaN, to find who reads it: a twentieth of a step
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        deterministic.fill_uninitialized_memory = filling


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
