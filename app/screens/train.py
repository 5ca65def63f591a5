"""Train: what will be trained on, the settings, and Start; the runs and model versions are in `runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import NO_PROJECT, ProjectBar, author_name, require_project
from app.errors import AppError
from app.screens import runs
from lagamc.config import BACKBONES, EPOCH_RANGE, TrainingConfig, backbone_uses_lora
from lagamc.errors import few

if TYPE_CHECKING:
    from app.container import Services
    from app.services.training import TrainingPreview

__all__ = ["build"]

OWN_BACKBONE = "A folder on the server, or a hub name."
COUNTED_LATER = "How many parameters it trains shows once the run has started."
TO_SPLIT = (
    "{:,} labelled documents are in no split, and dev, which picks the best epoch, is empty. A start divides them: a "
    "tenth goes to dev and a tenth to test."
)
UNASSIGNED = "Among the train documents are {:,} that carry labels and are in no split."
MISSING = {
    "train": "Labels without a train document: {}. A model can hardly learn these.",
    "dev": "Labels without a dev document: {}. The figures on dev say nothing of these.",
}
METRICS = [
    ("micro and macro", "micro_macro_f1"),
    ("micro F1", "micro_f1"),
    ("macro F1", "macro_f1"),
    ("weighted F1", "weighted_f1"),
    ("sample F1", "sample_f1"),
    ("Jaccard", "jaccard"),
    ("subset accuracy", "subset_accuracy"),
]

SETTINGS = ("backbone", "epochs", "learning_rate", "batch_size", "metric")
OF_LARGE_MODELS = ("lora_rank", "lora_alpha", "lora_dropout", "accumulation_steps", "gradient_checkpointing")


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Train screen."""
    recommended = gr.State(None)  # epochs; whoever has typed others keeps them
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            gr.HTML("<h2>Next run</h2>", elem_classes="lg-heading")
            material = gr.HTML(markup.note(NO_PROJECT), elem_id="training-material")
            settings, backbone_help, lora = _settings(_about(services, TrainingConfig().backbone, None))
            start = gr.Button("Start training", variant="primary", elem_id="train-start")
        with gr.Column(scale=3, min_width=320):
            view = runs.build(services, bar)

    def opened(project_id: int) -> tuple[Any, ...]:
        if not project_id:
            return markup.note(NO_PROJECT), gr.skip(), None
        found = services.training.preview(project_id)
        return _material(found), found.recommended_epochs, found.recommended_epochs

    def entered(tab: str, project_id: int, epochs: int | None, before: int | None) -> Any:
        if tab != "train":
            return gr.skip()
        material, now, _ = opened(project_id)
        follows = epochs == before != now
        return material, *((now, now) if follows else (gr.skip(), gr.skip()))

    def backbone_changed(name: str | None, rank: int | None) -> tuple[Any, Any]:
        name = (name or "").strip()
        return _about(services, name, rank), gr.Column(visible=bool(name) and backbone_uses_lora(name))

    def start_run(project_id: int, author: str, *values: Any) -> int:
        run_id = services.training.start(require_project(project_id), _config(*values), author_name(author))
        gr.Info(f"Run {run_id} is queued. It goes on when this page is closed.")
        return run_id

    backbone, epochs, rank = settings[0], settings[1], settings[5]
    on(
        [backbone.change, rank.change],
        backbone_changed,
        [backbone, rank],
        [backbone_help, lora],
        show_progress="hidden",
    )
    previewed = [material, epochs, recommended]
    in_turn = {"concurrency_id": "training material", "concurrency_limit": 1}
    on(bar.project.change, opened, bar.project, previewed, show_progress="hidden", **in_turn)
    for event in (bar.tab.change, bar.model.change):  # a version that was just made has used what is listed here
        on(event, entered, [bar.tab, bar.project, epochs, recommended], previewed, show_progress="hidden", **in_turn)
    started = on(start.click, start_run, [bar.project, bar.author, *settings], view.chosen)
    on(started.success, view.refresh, view.inputs, view.outputs, show_progress="hidden", **runs.IN_TURN)


def _about(services: Services, backbone: str, rank: int | None) -> str:
    """What a backbone is, and how much of it would be trained."""
    text = BACKBONES[backbone].help if backbone in BACKBONES else OWN_BACKBONE
    if not backbone:
        return markup.note(text, "plain")
    count = services.training.countable({"backbone": backbone, **({"lora_rank": rank} if rank else {})})
    return markup.note(text, "plain") + markup.note(str(count or COUNTED_LATER), "plain")


def _settings(about: str) -> tuple[list[gr.Dropdown | gr.Number | gr.Checkbox], gr.HTML, gr.Column]:
    default = TrainingConfig()
    with gr.Column(elem_classes="lg-panel"):
        backbone = gr.Dropdown(
            list(BACKBONES),
            value=default.backbone,
            allow_custom_value=True,
            label="Backbone",
            info="The pretrained model to start from; a folder or hub name can be typed in.",
            elem_id="backbone",
        )
        backbone_help = gr.HTML(about, padding=True, elem_id="backbone-help")
        with gr.Row():
            epochs = _number(EPOCH_RANGE[0], "Epochs", "Passes over the data.", precision=0)
            rate = _number(default.learning_rate, "Learning rate", "Lower is slower, steadier.", step=1e-5)
            batch = _number(default.batch_size, "Batch size", "Documents per step.", precision=0)
            metric = gr.Dropdown(
                METRICS,
                value=default.metric,
                label="Choose by",
                info="F1, or another figure, on dev picks the best epoch and the rule for labels.",
                min_width=130,
                elem_id="metric",
            )
    with gr.Column(visible=False) as lora:
        with gr.Row():
            rank = _number(default.lora_rank, "LoRA rank", "Higher learns more.", precision=0)
            alpha = _number(default.lora_alpha, "LoRA alpha", "Strength of what is learnt.", precision=0)
            dropout = _number(default.lora_dropout, "LoRA dropout", "Guards against overfitting.", step=0.01)
        with gr.Row():
            parts = _number(default.accumulation_steps, "Accumulation steps", "More take less memory.", precision=0)
            twice = gr.Checkbox(
                default.gradient_checkpointing,
                label="Gradient checkpointing",
                info="Activations computed twice: far less memory, a third more time.",
                min_width=130,
            )
    return [backbone, epochs, rate, batch, metric, rank, alpha, dropout, parts, twice], backbone_help, lora


def _number(value: float, label: str, info: str, **limits: Any) -> gr.Number:
    return gr.Number(value, label=label, info=info, min_width=130, **limits)


def _config(*values: Any) -> dict[str, Any]:
    """The settings of a run as `_settings` lays them out, without those that were left empty."""
    found = dict(zip((*SETTINGS, *OF_LARGE_MODELS), values, strict=True))
    found["backbone"] = (found["backbone"] or "").strip()
    if not found["backbone"]:
        raise AppError("Choose a backbone first.")
    if not backbone_uses_lora(found["backbone"]):
        found = {name: found[name] for name in SETTINGS}
    return {name: value for name, value in found.items() if value is not None}


def _material(found: TrainingPreview) -> str:
    changed = found.changed_descriptions
    parts = [
        markup.facts({f"{split} documents": f"{number:,}" for split, number in found.documents_by_split.items()}),
        markup.facts(
            {
                "reviews since the last version": f"{found.reviews_since_last:,}",
                "corrections among them": f"{found.corrections_since_last:,}",
                "changed descriptions": len(changed),
            }
        ),
    ]
    if changed:
        parts.append(markup.note(f"Changed since the last version: {few(changed)}.", "plain"))
    if found.to_split:
        parts.append(markup.note(TO_SPLIT.format(found.to_split), "plain"))
    elif found.unassigned:
        parts.append(markup.note(UNASSIGNED.format(found.unassigned), "plain"))
    for split, sentence in MISSING.items():
        if found.documents_by_split[split] and (names := found.labels_missing[split]):
            parts.append(markup.note(sentence.format(few(names)), "plain"))
    parts += [markup.note(problem, "warning") for problem in found.problems]
    return "".join(parts)
