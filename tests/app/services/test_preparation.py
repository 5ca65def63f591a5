"""The preparation of what-if, without a model."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from chat_server import until

from app.errors import AppError
from app.services.imports import ImportService
from app.services.measuring import Measure
from app.services.preparation import Preparation
from app.services.vectors import Vectors
from lagamc.readers import ColumnMapping


class Slow:
    """Takes a while to load its model, and cannot at first where `broken`; embeds once it may `go_on`."""

    def __init__(self):
        self.broken, self.embedded, self.go_on = False, [], threading.Event()

    def of(self, _project_id):
        time.sleep(0.1)
        if self.broken:
            raise AppError("torn")
        return Measure("minilm", "untrained encoder", None, "[unused0]", 0.4, None)

    def fresh(self, _measure, texts):
        self.embedded.extend(texts)
        assert self.go_on.wait(60)
        return np.zeros((len(texts), 2), dtype=np.float32)


@pytest.fixture
def measuring():
    return Slow()


@pytest.fixture
def preparation(database, project_id, measuring, write_jsonl, tmp_path):
    """That of a project of two documents."""
    rows = write_jsonl({"text": "loud"}, {"text": "full"})
    ImportService(database).run(project_id, rows, ColumnMapping(text="text"), "ann")
    return Preparation(database, None, measuring, Vectors(tmp_path / "vectors"))


def test_two_who_ask_at_once_start_one_preparation(preparation, measuring, project_id):
    """Both are told that it runs, and each text is embedded once."""
    told = []
    tabs = [threading.Thread(target=lambda: told.append(preparation.start(project_id).status)) for _ in range(2)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    measuring.go_on.set()
    until(lambda: preparation.view(project_id).status == "ready")
    assert told == ["running", "running"]
    assert sorted(measuring.embedded) == ["full", "loud"]


def test_a_model_that_cannot_be_loaded_leaves_no_preparation_running(preparation, measuring, project_id):
    """The next attempt begins."""
    measuring.broken = True
    with pytest.raises(AppError, match="torn"):
        preparation.start(project_id)
    assert preparation.running(project_id) is None
    measuring.broken = False
    measuring.go_on.set()
    assert preparation.start(project_id).status == "running"
    until(lambda: preparation.view(project_id).status == "ready")


def test_what_was_embedded_before_an_error_is_kept(preparation, measuring, project_id, monkeypatch, tmp_path):
    """The next start goes on from there."""
    monkeypatch.setattr("app.services.preparation.CHUNK", 1)
    whole = measuring.fresh

    def fresh(measure, texts):
        if measuring.embedded:
            raise AppError("torn")
        return whole(measure, texts)

    monkeypatch.setattr(measuring, "fresh", fresh)
    measuring.go_on.set()
    preparation.start(project_id)
    until(lambda: preparation.running(project_id) is None)
    assert preparation.view(project_id).error == "torn"
    assert len(Vectors(tmp_path / "vectors").load("minilm")) == 1
