"""The wordings of a label: what each came from, the difference of any two, and the way back to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup, wording
from app.components.events import on
from app.components.project_bar import author_name
from app.errors import AppError
from app.screens.label_editor import warned
from lagamc.descriptions.diff import word_diff

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from app.services.labels import VersionView

__all__ = ["SOURCES", "build", "origin"]

NO_VERSIONS = "Select a label in the table to see the earlier wordings of its description."
NOT_DESCRIBED = "Not described yet: write the description above, or have it drafted under Drafts."
HEADERS = ("Version", "Description", "By", "When (UTC)", "From")
ANOTHER = "Nothing was restored: another label was just opened. Look at its versions, then choose one."
SOURCES = {"person": "", "wikipedia": "Wikipedia", "refined": "chat model", "scaffold": "the data"}


def build(services: Services, bar: ProjectBar, editor: LabelEditor, restored: gr.State) -> None:
    """Lay out the panel; a restore raises the number in `restored`."""
    # The server may be ahead of the page, whose versions are then those of the label before: it says itself of which.
    of = gr.Number(visible=False, precision=0)
    versions = markup.clickable("label-versions")
    with gr.Row(visible=False, elem_classes="lg-bottom") as choice:
        number = gr.Dropdown([], label="Earlier version", min_width=140, elem_id="version-picker")
        other = gr.Dropdown([], label="compared with", min_width=140, elem_id="version-other")
        restore = gr.Button("Restore this wording", size="sm", min_width=140, elem_id="version-restore")
    changes = gr.HTML(elem_id="version-diff")

    def show(key: int | None) -> tuple[Any, ...]:
        if key is None:
            return None, markup.note(NO_VERSIONS), gr.Row(visible=False), None, None, ""
        found = services.labels.versions(key)
        choices = [(f"version {version.number}", version.number) for version in found]
        rows = [
            markup.Row(
                [version.number, version.text, version.author, markup.moment(version.created_at), _origin(version)],
                key=version.number,
            )
            for version in found
        ]
        older = choices[1][1] if len(choices) > 1 else None
        return (
            key,
            markup.table(HEADERS, rows, empty=NOT_DESCRIBED),
            gr.Row(visible=older is not None),
            gr.Dropdown(choices=choices[1:], value=older),
            gr.Dropdown(choices=choices, value=choices[0][1] if choices else None),
            compare(key, older, choices[0][1] if choices else None),
        )

    def compare(key: int | None, old: int | None, new: int | None) -> str:
        if key is None or old is None or new is None:
            return ""
        texts = {version.number: version.text for version in services.labels.versions(key)}
        if old not in texts or new not in texts:
            return ""
        return str(wording.difference(word_diff(texts[old], texts[new])))

    def pick(key: int | None, new: int | None, event: gr.EventData) -> tuple[Any, ...]:
        return int(event.key), compare(key, int(event.key), new)

    def bring_back(
        project_id: int, key: int | None, of: int | None, chosen: int | None, author: str, count: int
    ) -> int:
        if key != of:
            raise AppError(ANOTHER)
        if key is None or chosen is None:
            raise AppError("Choose an earlier version first.")
        text = next((version.text for version in services.labels.versions(key) if version.number == chosen), "")
        with warned(services, project_id, key, text):
            now = services.labels.restore_version(key, chosen, author_name(author))
            gr.Info(f"The wording of version {chosen} is back, as version {now}.")
        return count + 1

    shown = [of, versions, choice, number, other, changes]
    for event in (editor.label_id.change, editor.version.change):
        on(event, show, editor.label_id, shown, show_progress="hidden")
    on(versions.select, pick, [editor.label_id, other], [number, changes], show_progress="hidden")
    on([number.input, other.input], compare, [editor.label_id, number, other], changes, show_progress="hidden")
    on(restore.click, bring_back, [bar.project, editor.label_id, of, number, bar.author, restored], restored)


def origin(source: str, provenance: Mapping[str, Any]) -> str:
    """In a line what a wording was made from."""
    if source == "wikipedia":
        return _article(provenance)
    if source == "refined":
        after = f"; after {_article(provenance)}" if "url" in provenance else ""
        return _answered(provenance) + after
    if source == "corrections":
        by = f", by {_answered(provenance)}" if "answered_by" in provenance else ""
        return f"{int(provenance.get('documents', 0)):,} {provenance.get('kind', '')} documents{by}"
    if source == "scaffold":
        return f"terms and sentences of {int(provenance.get('documents', 0)):,} documents"
    return ""


def _article(provenance: Mapping[str, Any]) -> str:
    return (
        f"{provenance.get('title', '')}, revision {provenance.get('revision', '')}, {provenance.get('url', '')}. "
        f"{provenance.get('licence', '')}"
    )


def _answered(provenance: Mapping[str, Any]) -> str:
    cost = provenance.get("cost")
    tokens = int(provenance.get("tokens_in", 0)) + int(provenance.get("tokens_out", 0))
    removed = provenance.get("removed") or []
    return (
        f"{provenance.get('answered_by', '')}, temperature {provenance.get('temperature', '')}, "
        f"{'at most ' if provenance.get('estimated') else ''}{tokens:,} tokens"
        + (f", cost {cost:.5f}" if cost is not None else "")
        + (f"; taken away: {', '.join(removed)}" if removed else "")
    )


def _origin(version: VersionView) -> str:
    named = SOURCES.get(version.source, version.source)
    return " · ".join(part for part in (named, version.note, origin(version.source, version.provenance)) if part)
