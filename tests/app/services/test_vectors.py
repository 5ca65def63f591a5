"""Vectors on disk."""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest
from databases import fresh_database

from app.services.measuring import Measuring
from app.services.vectors import Vectors
from storage import model_versions, projects, runs
from storage.models import ModelVersion


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


def test_the_oldest_files_make_room(tmp_path):
    """Every version has an encoder of its own; only those of the last ones are kept."""
    vectors = Vectors(tmp_path)
    for number in range(10):
        vectors.add(f"model-{number}", ["a"], np.array([[float(number)]]))
        os.utime(tmp_path / f"model-{number}.npz", (number, number))
    assert sorted(path.stem for path in tmp_path.iterdir()) == [f"model-{number}" for number in range(2, 10)]


def test_models_of_two_databases_share_no_key(tmp_path):
    """Both are number 1 of project 1, and the databases may stand in one data folder."""
    answering = SimpleNamespace(
        trained=lambda _: SimpleNamespace(model_id=1, model_name="v1"),
        with_model=lambda _source, _work: ("[unused0]", 0.4),
    )
    keys = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with fresh_database(tmp_path / name) as database:
            with database.write() as session:
                project_id = projects.add(session, name="messages").id
                version = ModelVersion(
                    project_id=project_id,
                    run_id=runs.add(session, project_id=project_id, config={}, author="ann").id,
                    folder="runs/1/model",
                    backbone="minilm",
                    label_set_hash="h",
                    training_data_hash="h",
                    threshold=0.4,
                    labels=[],
                    dev_micro_f1=0.5,
                    dev_macro_f1=0.5,
                )
                model_versions.activate(session, model_id=model_versions.add(session, version=version).id)
            measure = Measuring(database, answering).of(project_id)
            assert Measuring(database, answering).of(project_id).key == measure.key
            assert measure.model_id == 1
            keys.append(measure.key)
    assert keys[0] != keys[1]


def test_a_file_keeps_the_last_rows(tmp_path, monkeypatch):
    """All projects without a model share one, which would grow for ever."""
    monkeypatch.setattr("app.services.vectors.KEPT_ROWS", 2)
    vectors = Vectors(tmp_path)
    for text in "abc":
        vectors.add("minilm", [text], np.array([[1.0]]))
    assert set(vectors.load("minilm")) == {Vectors.digest("b"), Vectors.digest("c")}
