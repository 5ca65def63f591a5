"""The right half of the Train screen: one run live, all runs of the project, and its model versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup
from app.components.curves import CURVES, plot, plotted
from app.components.events import on
from app.components.project_bar import NO_PROJECT, ProjectBar, active_model
from app.errors import AppError

if TYPE_CHECKING:
    from app.container import Services
    from app.services.models import ModelView
    from app.services.training import RunStart, RunView
    from lagamc.descriptions.exchange import LabelRecord

__all__ = ["IN_TURN", "RunsView", "build"]

POLL_SECONDS = 2.0
# What a tab shows that was just opened does not come behind a run that was started then, nor stop the timer for it.
IN_TURN = {"concurrency_id": "runs", "concurrency_limit": 1}
LIVE = ("queued", "running")
RESUMABLE = ("failed", "cancelled", "interrupted")
NO_VERSION = "No version yet. A run that completes makes one, and it becomes the active one."
ENDING = (
    "All epochs are made. The training documents are being embedded, and the model measured on dev and test; then the "
    "version is there."
)
CUT_TARGETS = (
    "{:,} training documents carry more descriptions than the generator can write in one text. The last ones of each "
    "are not written; such labels are found by their probability alone. Shorter descriptions make room."
)
FULL_DOCUMENTS = (
    "{:,} training documents reach the {:,} tokens that the model reads. What follows there is not read, here and when "
    "documents are classified: put what matters first, or split long documents."
)
WITH_NEIGHBOURS = (
    "Figures of a version are with neighbours, the training documents most like the one asked about; those of a run "
    "and its curve are without."
)
OUTDONE = (
    "The active version {} reached less on dev than {}: micro {} instead of {}, macro {} instead of {}. Documents of "
    "dev and descriptions may have changed between them; to let {} answer again, choose it below."
)
NO_RUN = "No run yet."
NOTHING_TRAINED = "Nothing has been trained in this project. Check the settings and press 'Start training'."


@dataclass(frozen=True, slots=True)
class RunsView:
    """How the settings half drives this one: set `chosen`, then run `refresh` from `inputs` to `outputs`."""

    chosen: gr.State  # id of the run on show; None for the one that is running, or the last
    refresh: Callable[..., Any]
    inputs: list[Any]
    outputs: list[Any]


def build(services: Services, bar: ProjectBar) -> RunsView:
    """Lay out the runs and versions, and poll while a run is queued or running."""
    chosen = gr.State(None)
    drawn = gr.State(None)  # what the curves show, so that they are only sent again when they grow
    status = gr.HTML(markup.note(NO_PROJECT), elem_id="run-status")
    with gr.Row():
        cancel = gr.Button("Cancel this run", size="sm", scale=0, min_width=160, visible=False, elem_id="run-cancel")
        resume = gr.Button("Resume this run", size="sm", visible=False, elem_id="run-resume")
    with gr.Column(visible="hidden", elem_id="curves") as curves, gr.Row():
        plots = [plot(curve) for curve in CURVES]
    with gr.Accordion("Log", open=False):
        log = gr.Textbox(
            label="Log", show_label=False, lines=10, max_lines=16, interactive=False, elem_classes="lg-log"
        )
    with gr.Accordion("Runs", open=True):
        runs = markup.clickable("runs-table")
    with gr.Accordion("Model versions", open=True):
        models = markup.clickable("models-table")
        with gr.Row(visible=False, elem_classes="lg-bottom") as choice:
            version = gr.Dropdown([], label="Version", min_width=160, elem_id="model-picker")
            activate = gr.Button("Make it the active model", size="sm", min_width=160, elem_id="model-activate")
    with gr.Accordion("Label set", open=False, elem_id="model-labels-fold"):
        label_set = gr.HTML(elem_id="model-labels")
    timer = gr.Timer(POLL_SECONDS, active=False)

    live = [status, cancel, resume, curves, *plots, drawn, log, runs, models, choice, version, timer, bar.model]
    inputs = [bar.project, chosen, drawn]

    def refresh(project_id: int, run_id: int | None, seen: Any) -> tuple[Any, ...]:
        listed = services.training.list(project_id) if project_id else []
        versions = services.models.list(project_id) if project_id else []
        run = _on_show(listed, run_id)
        metrics = services.training.metrics(run.id) if run else {}
        return (
            _status(run, metrics, services.training.started(run.id))
            if run
            else markup.note(NOTHING_TRAINED if project_id else NO_PROJECT),
            gr.Button(visible=run is not None and run.status in LIVE),
            gr.Button(visible=run is not None and run.status in RESUMABLE),
            gr.Column(visible=any(metrics.values()) or "hidden"),
            *_drawn(metrics, run, seen),
            services.training.log(run.id) if run else "",
            _runs_table(listed, run),
            _models_table(versions),
            gr.Row(visible=len(versions) > 1),
            gr.Dropdown(choices=[(model.name, model.id) for model in versions]),
            gr.Timer(active=any(run.status in LIVE for run in listed)),
            active_model(services.projects.get(project_id).active_model) if project_id else "",
        )

    def opened(project_id: int) -> tuple[Any, ...]:
        return None, *refresh(project_id, None, None), learnt(project_id, None)

    def entered(tab: str, project_id: int, run_id: int | None, seen: Any) -> Any:
        return refresh(project_id, run_id, seen) if tab == "train" else gr.skip()

    def polled(tab: str, project_id: int, run_id: int | None, seen: Any) -> Any:
        """On another tab only what tells the other tabs that a version was made."""
        if tab == "train":
            return refresh(project_id, run_id, seen)
        alive = bool(project_id) and any(run.status in LIVE for run in services.training.list(project_id))
        model = active_model(services.projects.get(project_id).active_model) if project_id else ""
        return *(gr.skip() for _ in live[:-2]), gr.Timer(active=alive), model

    def pick(project_id: int, seen: Any, event: gr.EventData) -> tuple[Any, ...]:
        return int(event.key), *refresh(project_id, int(event.key), seen)

    def shown_run(project_id: int, seen: Any) -> int:
        """The run that the page shows, which need not be the one that runs by now."""
        if not seen or int(seen[0]) not in {run.id for run in services.training.list(project_id)}:
            raise AppError("There is no run of this project to act on. Select one in the table of runs.")
        return int(seen[0])

    def cancel_run(project_id: int, run_id: int | None, seen: Any) -> tuple[Any, ...]:
        services.training.cancel(shown_run(project_id, seen))
        gr.Info("Asked to stop; the run ends after the step it is in.")
        return refresh(project_id, run_id, seen)

    def resume_run(project_id: int, run_id: int | None, seen: Any) -> tuple[Any, ...]:
        services.training.resume(shown_run(project_id, seen))
        return refresh(project_id, run_id, seen)

    def activate_version(project_id: int, run_id: int | None, seen: Any, model_id: int | None) -> tuple[Any, ...]:
        if model_id is None:
            raise AppError("Choose a version first.")
        services.models.activate(project_id, model_id)
        return refresh(project_id, run_id, seen)

    def pick_version(project_id: int, event: gr.EventData) -> tuple[int, str]:
        return int(event.key), learnt(project_id, int(event.key))

    def learnt(project_id: int, model_id: int | None) -> str:
        """The label set of a version, or of the active one."""
        versions = services.models.list(project_id) if project_id else []
        shown = next((model for model in versions if (model.id == model_id if model_id else model.active)), None)
        return _label_set(shown.name, services.exchange.learnt(shown.id)) if shown else markup.note(NO_VERSION)

    on(bar.project.change, lambda: None, None, version, show_progress="hidden")
    on(bar.project.change, opened, bar.project, [chosen, *live, label_set], show_progress="hidden", **IN_TURN)
    on(bar.model.change, lambda key: learnt(key, None), bar.project, label_set, show_progress="hidden")
    on(version.input, learnt, [bar.project, version], label_set, show_progress="hidden")
    on(bar.tab.change, entered, [bar.tab, *inputs], live, show_progress="hidden", **IN_TURN)
    on(timer.tick, polled, [bar.tab, *inputs], live, queue=False, show_progress="hidden")
    on(runs.select, pick, [bar.project, drawn], [chosen, *live], show_progress="hidden", **IN_TURN)
    on(cancel.click, cancel_run, inputs, live, **IN_TURN)
    on(resume.click, resume_run, inputs, live, **IN_TURN)
    on(models.select, pick_version, bar.project, [version, label_set], show_progress="hidden")
    on(activate.click, activate_version, [*inputs, version], live, **IN_TURN)
    return RunsView(chosen, refresh, inputs, live)


def _on_show(listed: Sequence[RunView], run_id: int | None) -> RunView | None:
    if run_id is not None and (found := next((run for run in listed if run.id == run_id), None)):
        return found
    running = next((run for run in listed if run.status == "running"), None)
    return running or (listed[0] if listed else None)


def _drawn(metrics: Mapping[str, Sequence[tuple[int, float]]], run: RunView | None, seen: Any) -> list[Any]:
    now = [run.id, {name: points[-1] for name, points in metrics.items() if points}] if run else None
    if now == seen:
        return [gr.skip() for _ in CURVES] + [now]
    return [plotted(curve, metrics) for curve in CURVES] + [now]


def _status(run: RunView, metrics: Mapping[str, Sequence[tuple[int, float]]], start: RunStart | None) -> str:
    title = Markup("<p><b>Run {}</b> · {} · {}</p>").format(run.id, run.status, run.backbone)
    times = [f"{_minutes(run.elapsed)} elapsed"] if run.elapsed is not None else []
    ending = run.status == "running" and run.progress == 1.0
    if run.status == "running" and run.remaining is not None and not ending:
        times.append(f"about {_minutes(run.remaining)} left")
    if run.model_number is not None:
        times.append(f"made version v{run.model_number}")
    if scores := metrics.get("micro_f1"):
        times.append(f"best dev micro-F1 {markup.score(max(value for _, value in scores))} without neighbours")
    parts = [str(title)]
    if run.status == "completed":  # an early stop leaves steps undone
        parts.append(markup.progress_bar(1.0, " · ".join(times)))
    elif run.progress is not None:
        parts.append(markup.progress_bar(run.progress, " · ".join([f"{run.progress:.0%}", *times])))
        if ending:
            parts.append(markup.note(ENDING))
    elif run.status == "queued":
        parts.append(markup.note("Waiting for its turn; one run trains at a time."))
    elif run.status == "running":
        parts.append(markup.note("Starting: loading the backbone and the documents."))
    if start:
        parts.append(markup.note(str(start.parameters), "plain"))
    if start and start.cut_targets:
        parts.append(markup.note(CUT_TARGETS.format(start.cut_targets), "warning"))
    if start and start.full_documents:
        parts.append(markup.note(FULL_DOCUMENTS.format(start.full_documents, start.max_document_tokens), "plain"))
    if run.error:
        parts.append(markup.note(run.error, "error"))
    return "".join(parts)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min"


def _runs_table(listed: Sequence[RunView], on_show: RunView | None) -> str:
    return markup.table(
        ("Run", "Status", "Backbone", "Documents", "Started by", "When (UTC)", "Version"),
        (
            markup.Row(
                [
                    run.id,
                    run.status,
                    run.backbone,
                    f"{run.documents:,}",
                    run.author,
                    markup.moment(run.created_at),
                    f"v{run.model_number}" if run.model_number else markup.NOTHING,
                ],
                kind=markup.CHOSEN if on_show and run.id == on_show.id else "",
                key=run.id,
            )
            for run in listed
        ),
        empty=NO_RUN,
        numeric=(3,),
    )


def _models_table(versions: Sequence[ModelView]) -> str:
    table = markup.table(
        ("Version", "Dev F1, micro / macro", "Test F1, micro / macro", "Documents", "Corrections", "Changed labels"),
        (
            markup.Row(
                [
                    f"{model.name} (active)" if model.active else model.name,
                    f"{markup.score(model.dev_micro_f1)} / {markup.score(model.dev_macro_f1)}",
                    f"{markup.score(model.test_micro_f1)} / {markup.score(model.test_macro_f1)}",
                    f"{model.documents:,}",
                    model.corrections,
                    ", ".join(model.stale) or markup.NOTHING,
                ],
                kind=markup.CHOSEN if model.active else "",
                key=model.id,
            )
            for model in versions
        ),
        empty=NO_VERSION,
        numeric=range(1, 5),
    )
    return table + (markup.note(WITH_NEIGHBOURS, "plain") if versions else "") + _outdone(versions)


def _outdone(versions: Sequence[ModelView]) -> str:
    """Say so where another version reached more on dev, micro and macro taken together, than the active one."""

    def reached(model: ModelView) -> float:
        return model.dev_micro_f1 + model.dev_macro_f1

    active = next((model for model in versions if model.active), None)
    best = max(versions, key=reached, default=None)
    if active is None or best is None or reached(best) <= reached(active):
        return ""
    figures = active.dev_micro_f1, best.dev_micro_f1, active.dev_macro_f1, best.dev_macro_f1
    return markup.note(OUTDONE.format(active.name, best.name, *map(markup.score, figures), best.name), "warning")


def _label_set(name: str, learnt: Sequence[LabelRecord]) -> str:
    rows = (markup.Row([label.name, label.description]) for label in learnt)
    return markup.table((f"Label, as {name} learnt it", "Description"), rows, empty=NO_VERSION)
