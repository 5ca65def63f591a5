"""Vectors on disk."""

from __future__ import annotations

import numpy as np
import pytest

from app.services.vectors import Vectors


def test_vectors_are_kept_by_text_and_encoder(tmp_path):
    """What was added before stays; another encoder knows nothing of it."""
    vectors = Vectors(tmp_path / "vectors")
    assert vectors.load("model-1") == {}
    vectors.add("model-1", ["a"], np.array([[1.0, 2.0]]))
    vectors.add("model-1", ["b", "a"], np.array([[3.0, 4.0], [5.0, 6.0]]))
    found = Vectors(tmp_path / "vectors").load("model-1")
    assert {key: row.tolist() for key, row in found.items()} == {
        Vectors.digest("a"): [5.0, 6.0],
        Vectors.digest("b"): [3.0, 4.0],
    }
    assert vectors.load("model-2") == {}


@pytest.mark.parametrize("content", [b"PK\x03\x04 torn", b""])
def test_a_damaged_file_counts_as_empty(tmp_path, content):
    """Vectors can always be made again; the next ones replace the file."""
    vectors = Vectors(tmp_path)
    (tmp_path / "model-1.npz").write_bytes(content)
    assert vectors.load("model-1") == {}
    vectors.add("model-1", ["a"], np.array([[1.0]]))
    assert len(vectors.load("model-1")) == 1
