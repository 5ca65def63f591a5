"""Texts as unit vectors by the built-in sentence encoder, loaded at the first use and remembered per text."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lagamc.encoder import SentenceEncoder

__all__ = ["Embedder"]

REMEMBERED_TEXTS = 50_000  # of 384 float32 each: 77 MB


class Embedder:
    """Calls from several threads wait for one another; a text that was embedded before costs nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._encoder: SentenceEncoder | None = None
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Embed N texts, in order: (N, D), float32, unit length. Raises BackboneError without the encoder."""
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._known]
            if missing:
                self._known |= dict(zip(missing, self._encode(missing), strict=True))
            found = [self._known[text] for text in texts]
            for text in texts:
                self._known.move_to_end(text)
            while len(self._known) > REMEMBERED_TEXTS:
                self._known.popitem(last=False)
        return np.stack(found) if found else np.zeros((0, 1), dtype=np.float32)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        from lagamc.encoder import SentenceEncoder

        if self._encoder is None:
            self._encoder = SentenceEncoder.load()
        return self._encoder.encode(texts).numpy()
