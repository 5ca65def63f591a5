"""Asking the hub for a model can take a minute without a network: who asks says so first."""

from __future__ import annotations

import logging
from pathlib import Path

__all__ = ["OFFLINE", "say_before_asking"]

OFFLINE = "Without a network, HF_HUB_OFFLINE=1 saves the wait: only what was downloaded before is looked up then."

logger = logging.getLogger(__name__)  # on stderr, where nobody says otherwise


def say_before_asking(source: str) -> None:
    """Say that the hub is asked for `source`, where it is: for what is no path here, unless that was forbidden."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if not HF_HUB_OFFLINE and not Path(source).exists():
        logger.warning("Asking the hub for %s ...", source)
