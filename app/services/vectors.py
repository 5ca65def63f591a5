"""Embeddings kept on disk, one file an encoder of the last few, so that a restart embeds nothing again."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

__all__ = ["Vectors"]

DIGEST = 16  # bytes of sha256 that name a text
KEPT_FILES = 8
KEPT_ROWS = 100_000  # the last ones of a file, 160 MB: all untrained projects share one


class Vectors:
    """Files of (N, 16) digests and (N, D) float32 rows; a damaged one counts as empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def load(self, key: str) -> dict[bytes, np.ndarray]:
        """{digest of a text: its vector} of one encoder."""
        with self._lock:
            return self._read(self._path(key))

    def add(self, key: str, texts: Sequence[str], rows: np.ndarray) -> None:
        """Keep the vectors of some texts beside those kept already."""
        path = self._path(key)
        with self._lock:
            known = self._read(path)
            known |= dict(zip(map(self.digest, texts), rows, strict=True))
            if not known:
                return
            known = dict(itertools.islice(known.items(), max(0, len(known) - KEPT_ROWS), None))
            self._folder.mkdir(parents=True, exist_ok=True)
            digests = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(-1, DIGEST)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.savez(file, digests=digests, rows=np.stack(list(known.values())).astype(np.float32))
            unfinished.replace(path)
            by_age = sorted(self._folder.glob("*.npz"), key=lambda file: file.stat().st_mtime_ns)
            for old in by_age[:-KEPT_FILES]:
                old.unlink(missing_ok=True)

    @staticmethod
    def digest(text: str) -> bytes:
        """What names a text in the file."""
        return hashlib.sha256(text.encode()).digest()[:DIGEST]

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"

    @staticmethod
    def _read(path: Path) -> dict[bytes, np.ndarray]:
        try:
            with np.load(path, allow_pickle=False) as file:
                return {digest.tobytes(): row for digest, row in zip(file["digests"], file["rows"], strict=True)}
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):
            return {}  # half-written or foreign: vectors can always be made again
