"""What the studio's screens do with what was typed, apart from the page."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from chat_server import until

from app.components.project_bar import project_bar
from app.errors import AppError
from app.screens import (
    label_batch,
    label_collisions,
    label_exchange,
    label_what_if,
    lifecycle,
    runs,
)
from app.screens.label_refine import ChatConnection
from app.screens.label_split import in_order
from app.services.draft_jobs import BatchRow, BatchView
from app.services.label_splits import SplitPart, SplitProposal, SplitRow
from app.services.preparation import PreparationView
from app.services.studio import CollisionRow, CollisionView
from app.services.what_if import ChangeRow, Confused, WhatIfView
from lagamc.descriptions.exchange import LabelRecord, compare
from lagamc.descriptions.impact import Figures
from storage.models import utc_now

OWN = "https://models.example.org/v1"


def test_the_step_to_take_back_stays_the_one_that_was_chosen():
    """A colleague's later step does not take its place; where nothing was chosen, or in another project, it is the
    newest.
    """
    step = SimpleNamespace(summary="a step", author="ann", created_at=utc_now(), undone=False, operation="renamed")
    steps = [SimpleNamespace(**{**vars(step), "id": number}) for number in (3, 2, 1)]

    def shown(wanted):
        return lifecycle.log(steps, wanted)[1].value

    assert [shown(wanted) for wanted in (None, 1, 9)] == [3, 1, 3]
    steps[2].undone = True
    assert shown(1) is None


def test_a_table_of_parts_with_another_column_is_refused_by_name(tab):
    tab.visitor.select("labels-table", tab.noise)
    for row in (["a", "b"], ["a", "b", "c", ""]):
        tab.visitor.put("split-parts", [row, row])
        with pytest.raises(gr.Error, match=f"has {len(row)} columns; it needs Name, Description, Terms"):
            tab.visitor.click("split-propose")


@pytest.fixture
def panel():
    """Lay out one panel of the studio; what it does when a project is opened, {element id: what it is told}."""

    def lay_out(build, **services):
        with gr.Blocks() as page:
            bar, unit = project_bar(), gr.Textbox()
            editor = SimpleNamespace(label_id=gr.State(None), description=gr.Textbox())
            arguments = {
                label_what_if.build: [editor],
                label_batch.build: [ChatConnection([], unit, OWN), [unit, unit], gr.State(0)],
                label_exchange.build: [gr.State(0)],
                runs.build: [],
            }
            build(SimpleNamespace(**services), bar, *arguments[build])
        *_, opened = (fn for fn in page.fns.values() if (bar.project._id, "change") in fn.targets)

        def open_project(project_id):
            told = opened.fn(*[project_id][: len(opened.inputs)])
            return {
                part.elem_id or type(part).__name__: value for part, value in zip(opened.outputs, told, strict=True)
            }

        return open_project

    return lay_out


def test_a_batch_that_runs_is_found_again(panel):
    """After a reload, or with another project between: its status, its Cancel and the timer come back."""
    views = {1: BatchView("seed", "running", (1, 2, 3, 4), (BatchRow(1, "noise", 1, None),))}
    opened = panel(label_batch.build, draft_jobs=SimpleNamespace(view=views.get))
    told = opened(1)
    assert "1 of 4 labels" in told["batch-status"]
    assert (told["batch-cancel"].visible, told["batch-rest"].visible, told["Timer"].active) == (True, False, True)
    for project_id in (0, 2):
        told = opened(project_id)
        assert (told["batch-status"], told["batch-cancel"].visible, told["Timer"].active) == ("", False, False)


def test_somebody_elses_batch_is_shown_with_its_cancel(services, tab, toasts, monkeypatch):
    """When the tab comes to the front, and where a start is refused because of it."""
    visitor, drafted, go_on = tab.visitor, threading.Event(), threading.Event()
    monkeypatch.setattr(services.drafts, "scaffold", lambda *_: (drafted.set(), go_on.wait(10)))
    services.draft_jobs.scaffold(tab.project, "ben")
    drafted.wait(10)
    visitor.click("batch-scaffold")
    assert toasts == [("Warning", "A batch is running for this project. Wait for its end, or cancel it.")]
    assert "running · 0 of 2 labels" in visitor["batch-status"]
    visitor.put("batch-status", "")
    for name in ("review", "labels"):
        visitor.put(tab.bar.tab, name)
    assert "running · 0 of 2 labels" in visitor["batch-status"]
    visitor.click("batch-cancel")
    go_on.set()
    until(lambda: services.draft_jobs.view(tab.project).status == "cancelled")


def test_what_somebody_else_prepares_is_shown_when_the_tab_comes_to_the_front(services, tab, monkeypatch):
    """What was told of a preparation that has ended stays."""
    visitor, running = tab.visitor, [None, PreparationView("running", 3, 18, "v1", trained=True)]
    monkeypatch.setattr(services.what_if, "running", lambda _: running.pop())
    told = []
    for name in ("review", "labels", "review", "labels"):
        visitor.put(tab.bar.tab, name)
        told.append(visitor["what-if-status"])
    assert told[0] == ""
    assert "3 of 18 steps" in told[1]
    assert told[3] == told[1]


def test_a_preparation_that_runs_is_found_again(panel):
    """So is that of a trial."""
    views = {1: PreparationView("running", 3, 18, "v1", trained=True)}
    opened = panel(label_what_if.build, what_if=SimpleNamespace(running=views.get))
    told = opened(1)
    assert "3 of 18 steps" in told["what-if-status"]
    assert (told["Button"].visible, told["Timer"].active) == (True, True)
    for project_id in (0, 2):
        told = opened(project_id)
        assert (told["what-if-status"], told["Button"].visible, told["Timer"].active) == ("", False, False)


def test_a_comparison_ends_with_its_project(panel):
    """Nothing of it can be taken into the project that is opened next."""
    told = panel(label_exchange.build)(2)
    assert (told["State"], told["labels-comparison"], told["labels-file"]) == (None, "", None)
    assert (told["labels-chosen"].value, told["labels-chosen"].visible) == ([], False)
    assert (told["labels-take"].visible, told["labels-exported"].visible) == (False, False)


def test_a_comparison_shows_every_attribute_before_and_after():
    """Escaped, and nothing of an attribute that stays."""
    before = LabelRecord("noise", "Loud.", group="Streets", digit="1", examples_positive=("a", "b"))
    after = LabelRecord("noise", "Loud.", group="<i>Air</i>", digit="", examples_positive=("a",))
    new = LabelRecord("dogs", "They bark.", colour="#1d6b57", guideline="")
    told = label_exchange._comparison(compare([before], [after, new]))
    assert "<b>group</b> Streets → &lt;i&gt;Air&lt;/i&gt;<br><b>digit</b> 1 → —" in told
    assert "<b>examples positive</b> a | b → a<" in told
    assert "<td><b>colour</b> — → #1d6b57</td>" in told
    assert "<b>description</b>" not in told


def test_the_label_set_of_the_active_version_is_shown_as_it_was_learnt(panel):
    """When a project is opened; without a version there is none."""
    figures = dict.fromkeys(("dev_micro_f1", "dev_macro_f1", "test_micro_f1", "test_macro_f1"), 0.5)
    known = {"documents": 9, "corrections": 0, "stale": [], **figures}
    versions = [SimpleNamespace(id=key, name=f"v{key}", active=key == 2, **known) for key in (3, 2)]
    opened = panel(
        runs.build,
        training=SimpleNamespace(list=lambda _: []),
        models=SimpleNamespace(list=lambda project_id: versions if project_id == 1 else []),
        projects=SimpleNamespace(get=lambda _: SimpleNamespace(active_model="v2")),
        exchange=SimpleNamespace(learnt=lambda model_id: [LabelRecord("noise", f"Loud <b>things</b> {model_id}.")]),
    )
    told = opened(1)["model-labels"]
    assert "as v2 learnt it" in told
    assert "Loud &lt;b&gt;things&lt;/b&gt; 2." in told
    assert "No version yet" in opened(2)["model-labels"]


def what_if_view(**known):
    """The effect of an edit on 4 documents."""
    facts = {"documents": 4, "gained": 1, "lost": 0, "micro_f1": None, "macro_f1": None, "affected": (), "nearest": ()}
    more = {"changes": (), "model_name": "v1", "trained": True, "added": False, "seconds": 0.1}
    return WhatIfView(**(facts | more | known))


def test_figures_that_cannot_be_had_are_no_zeros():
    """Without dev documents, or before a label was there, a dash stands for them."""
    told = label_what_if._result(what_if_view(changes=(ChangeRow("noise", None, None, 1, 0),)), new=False)
    assert "0.000" not in told
    new = ChangeRow("dogs", None, Figures(0.5, 0.25, 0.333, 4), 1, 0)
    assert "— → 0.333" in label_what_if._result(what_if_view(changes=(new,)), new=True)


def test_of_a_label_added_since_training_only_nearness_is_told():
    """And the panel says why."""
    told = label_what_if._result(what_if_view(added=True), new=False)
    assert "was added since v1 was trained" in told
    assert "gain the label" not in told


def test_a_deleted_row_of_a_split_is_named():
    """Rows that were sorted come back in the order of the proposal; without one of them there is no split."""
    rows = tuple(SplitRow(number, number, f"d{number}", "text", (0,), None) for number in (1, 2))
    first, second = ["d1", "text", "", "1"], ["d2", "text", "", "2"]
    assert in_order(rows, [second, first]) == [first, second]
    with pytest.raises(AppError, match=r"row of document d2 was deleted.*Propose a split"):
        in_order(rows, [first, ["", "", "", ""]])


def test_of_many_documents_of_a_split_the_least_certain_are_listed(services, tab, monkeypatch):
    """The page says so; those that are not go to the parts proposed for them."""
    rows = tuple(SplitRow(number, number, f"d{number}", "text", (number % 2,), number / 1000) for number in range(600))
    parts = SplitPart("loud", "Loud."), SplitPart("quiet", "Quiet.")
    taken = []
    monkeypatch.setattr(services.splits, "propose", lambda *_: SplitProposal(tab.noise, parts, rows))
    monkeypatch.setattr(services.splits, "apply", lambda *told: taken.append(told))
    visitor = tab.visitor
    visitor.click("split-propose")
    assert "Only the 500 least certain of 600 documents are listed" in visitor["split-impact"]
    table = visitor["split-rows"]
    assert [table[0][0], table[-1][0], len(table)] == ["d0", "d499", 500]
    visitor.put("split-rows", [["d0", "text", "", "1, 2"], *table[1:]])
    visitor.click("split-do")
    [(found, author, chosen)] = taken
    assert (found.rows, author, len(chosen), chosen[0]) == (rows, "ada", 500, [0, 1])


def test_the_map_and_the_table_of_many_labels_have_pages():
    """Each label stands in one of them, next to its nearest rival, and has its row there."""
    names = [f"label {number}" for number in range(100)]
    rows = tuple(CollisionRow(n, names[n], names[n ^ 1], 1 - n / 100, None) for n in range(100))
    view = CollisionView(tuple(names), (), np.eye(100), rows, 0.4, "v1")
    pages = [label_collisions._map(view, first) for first in (0, 40, 80)]
    assert "Labels 41 to 80 of 100, nearest first." in pages[1]
    for number, name in enumerate(names):
        assert [f">{number % 40 + 1} {name}<" in page for page in pages] == [number // 40 == page for page in range(3)]
        rows_of = [f'data-key="{number}"' in label_collisions._table(view, first) for first in (0, 40, 80)]
        assert rows_of == [number // 40 == page for page in range(3)]
    few = CollisionView(tuple(names[:2]), (), np.eye(2), rows[:2], 0.4, "v1")
    assert "Labels" not in label_collisions._map(few, 0)


def test_confused_documents_are_quoted_as_text():
    """A few of them, escaped, and the number of the others."""
    found = Confused(4, (("d1", "<script>{x}</script>"), ("d2", "a lamp")))
    row = CollisionRow(1, "noise", "bins", 0.9, found)
    told = label_collisions._table(CollisionView(("noise", "bins"), (), np.eye(2), (row,), 0.4, "v1"), 0)
    assert "<td>4<br><b>d1</b> &lt;script&gt;{x}&lt;/script&gt;<br><b>d2</b> a lamp<br>and 2 more</td>" in told
