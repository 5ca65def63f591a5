"""What the Train screen does with what it shows, apart from the page."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest

from app.components.project_bar import project_bar
from app.errors import AppError
from app.screens import runs


def test_cancel_and_resume_act_on_the_run_that_the_page_shows():
    """Another may have started since it was drawn, and would be the one that a look at the database names."""
    asked = []

    def noted(run_id):
        asked.append(run_id)
        raise AppError("enough")

    with gr.Blocks() as page:
        runs.build(SimpleNamespace(training=SimpleNamespace(cancel=noted, resume=noted)), project_bar())
    handlers = {event.fn.__name__: event.fn for event in page.fns.values() if event.fn}
    for name in ("cancel_run", "resume_run"):
        with pytest.raises(gr.Error, match="enough"):
            handlers[name](1, None, [7, {}])
        with pytest.raises(gr.Error, match="no run to act on"):
            handlers[name](1, None, None)
    assert asked == [7, 7]
