"""What hangs on the open label, shown as soon as its name in the editor is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from app.components import markup
from app.components.events import on
from app.screens.lifecycle import impact_html

if TYPE_CHECKING:
    from app.container import Services
    from app.screens.label_editor import LabelEditor

__all__ = ["build"]

RENAMES = "'Save' gives the label its new name wherever it stands. No model grows stale by that."


def build(services: Services, editor: LabelEditor) -> None:
    """Lay out the impact under the editor, empty while the name is as it was loaded."""
    impact = gr.HTML(elem_id="label-renaming")

    def told(key: int | None, loaded: str, name: str) -> str:
        if key is None or " ".join(name.split()) in {"", loaded}:
            return ""
        return impact_html(services.lifecycle.impact([key]), stale=False) + markup.note(RENAMES, "plain")

    shown = [editor.name.change, editor.loaded.change]
    on(shown, told, [editor.label_id, editor.loaded, editor.name], impact, show_progress="hidden")
