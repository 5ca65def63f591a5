"""The Labels tab as a visitor finds it, without a browser."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
from visitor import Visitor

from app.components.project_bar import project_bar
from app.container import build
from app.errors import AppError
from app.screens import labels
from app.settings import Settings


class NoModel:
    """A studio that can say nothing of a text but that it is near a rival when it reads "near"."""

    NEAR = "It comes nearer to 'bins' than the threshold: cosine 0.612."

    def lint(self, project_id, label_id, text):
        raise AppError("No model.")

    def nearer(self, project_id, label_id, text):
        return self.NEAR if "near" in text else ""


@pytest.fixture
def services(tmp_path):
    """All services with a project of two labels."""
    services = replace(build(Settings(data_folder=tmp_path, device="cpu")), studio=NoModel())
    yield services
    services.close()


@pytest.fixture
def toasts(monkeypatch):
    """What the page said, as (kind, text)."""
    said = []
    for kind in ("Info", "Warning"):
        monkeypatch.setattr(gr, kind, lambda text, kind=kind, **_: said.append((kind, text)))
    return said


@pytest.fixture
def tab(services, toasts):
    """The Labels tab with the label noise open; `visitor`, and the ids of noise and bins."""
    project = services.projects.create("messages")
    noise, bins = (services.labels.add(project, name, f"About {name}.", "ann") for name in ("noise", "bins"))
    with gr.Blocks() as page:
        bar = project_bar()
        labels.build(services, bar)
    visitor = Visitor(page)
    visitor.put(bar.author, "ada")
    visitor.put(bar.project, project)
    visitor.select("labels-table", noise)
    assert visitor["label-description"] == "About noise."
    return SimpleNamespace(visitor=visitor, bar=bar, project=project, noise=noise, bins=bins)
