"""What the Train screen does with what it shows, apart from the page."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from app.components.project_bar import project_bar
from app.errors import AppError
from app.screens import runs, train
from app.services.training import RunStart, TrainingPreview
from lagamc.parameters import ParameterCount


@pytest.mark.parametrize(("progress", "said"), [(0.5, "about 0:07 min left"), (1.0, "All epochs are made.")])
def test_a_run_says_what_it_does_behind_its_last_epoch(progress, said):
    """The last look at dev and the training documents take minutes where there are thousands."""
    run = SimpleNamespace(
        id=3, status="running", backbone="minilm", elapsed=60.0, remaining=7.0, progress=progress, error=None,
        model_number=None,
    )  # fmt: skip
    shown = runs._status(run, {}, None)
    assert [text in shown for text in ("about 0:07 min left", "All epochs are made.")].count(True) == 1
    assert said in shown


def test_a_run_says_what_it_leaves_out():
    """Descriptions that find no room in a target, and what follows in long documents."""
    run = SimpleNamespace(
        id=3, status="running", backbone="minilm", elapsed=1.0, remaining=None, progress=0.1, error=None,
        model_number=None,
    )  # fmt: skip
    start = RunStart(ParameterCount(50, 200), cut_targets=3, full_documents=1_200, max_document_tokens=256)
    shown = runs._status(run, {}, start)
    assert "3 training documents carry more descriptions" in shown
    assert "1,200 training documents reach the 256 tokens that the model reads" in shown
    nothing = runs._status(run, {}, replace(start, cut_targets=0, full_documents=0))
    assert "training documents" not in nothing


def version(number, micro, macro, **values):
    """A row of the versions' table."""
    figures = {"dev_micro_f1": micro, "dev_macro_f1": macro, "test_micro_f1": None, "test_macro_f1": None}
    return SimpleNamespace(
        id=number, name=f"v{number}", documents=10, corrections=0, stale=[], **figures, **{"active": False, **values}
    )


def test_an_active_version_that_is_worse_on_dev_than_another_is_told():
    """What a run makes becomes the active version, whatever it reached."""
    worse = runs._models_table([version(3, 0.7, 0.5, active=True), version(2, 0.8, 0.6), version(1, 0.6, 0.4)])
    assert "v3 reached less on dev than v2: micro 0.700 instead of 0.800, macro 0.500 instead of 0.600" in worse
    for best in ([version(2, 0.8, 0.6, active=True), version(1, 0.8, 0.6)], [version(1, 0.8, 0.6)]):
        assert "reached less" not in runs._models_table(best)
    assert "with neighbours" not in runs._models_table([])


def test_a_page_on_another_tab_reads_no_curves():
    """It hears of a new version, and whether to go on asking."""
    listed = [SimpleNamespace(status="running")]
    services = SimpleNamespace(
        training=SimpleNamespace(list=lambda project: listed),
        projects=SimpleNamespace(get=lambda project: SimpleNamespace(active_model="v2")),
    )
    with gr.Blocks() as page:
        runs.build(services, project_bar())
    [polled] = [event.fn for event in page.fns.values() if event.fn and event.fn.__name__ == "polled"]
    *others, timer, model = polled("review", 1, None, None)
    assert all(other == gr.skip() for other in others)
    assert timer.active
    assert "v2" in model
    listed.clear()
    assert not polled("review", 1, None, None)[-2].active


def test_train_names_the_labels_that_a_split_lacks():
    """Where the split has documents at all."""
    preview = TrainingPreview(
        documents_by_split={"train": 5, "dev": 0, "test": 0}, reviews_since_last=0, corrections_since_last=0,
        changed_descriptions=[], problems=[], labels_missing={"train": ["<noise>"], "dev": ["bins"], "test": []},
        unassigned=0, to_split=0, recommended_epochs=3,
    )  # fmt: skip
    shown = train._material(preview)
    assert "Labels without a train document: &lt;noise&gt;." in shown
    assert "without a dev document" not in shown
    assert "dev document: bins" in train._material(
        replace(preview, documents_by_split={"train": 5, "dev": 1, "test": 0})
    )


def test_cancel_and_resume_act_on_the_run_that_the_page_shows():
    """Another may have started since it was drawn, and would be the one that a look at the database names."""
    asked = []

    def noted(run_id):
        asked.append(run_id)
        raise AppError("enough")

    training = SimpleNamespace(
        cancel=noted, resume=noted, list=lambda project: [SimpleNamespace(id=7)] * (project == 1)
    )
    with gr.Blocks() as page:
        runs.build(SimpleNamespace(training=training), project_bar())
    handlers = {event.fn.__name__: event.fn for event in page.fns.values() if event.fn}
    for name in ("cancel_run", "resume_run"):
        with pytest.raises(gr.Error, match="enough"):
            handlers[name](1, None, [7, {}])
        for elsewhere in ((1, None, None), (2, None, [7, {}])):  # the second: as another project was being opened
            with pytest.raises(gr.Error, match="no run of this project"):
                handlers[name](*elsewhere)
    assert asked == [7, 7]
