"""What hangs on the open label, shown as soon as its name in the editor is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.screens.lifecycle import impact_html

if TYPE_CHECKING:
    from app.container import Services
    from app.screens.label_editor import LabelEditor

__all__ = ["build"]

RENAMES = "'Save' gives the label its new name wherever it stands. Models answer as before, under the new name."


def build(services: Services, editor: LabelEditor) -> None:
    """Lay out the impact, empty while the name is as it was loaded."""
    impact = gr.HTML(elem_id="label-renaming")
    about = gr.State(None)  # id of the label whose impact stands there: it is counted once, not at every key

    def told(key: int | None, loaded: str, name: str, about: int | None) -> Any:
        if key is None or " ".join(name.split()) in {"", loaded}:
            return None, ""
        if key == about:
            return gr.skip()
        return key, impact_html(services.lifecycle.impact([key]), learnt=False) + markup.note(RENAMES, "plain")

    shown = [editor.name.change, editor.loaded.change]
    on(shown, told, [editor.label_id, editor.loaded, editor.name, about], [about, impact], show_progress="hidden")
