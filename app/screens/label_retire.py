"""The open label retired or restored, once the person has seen what hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import focus, on
from app.components.project_bar import author_name
from app.errors import AppError
from app.screens.lifecycle import impact_html

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor

__all__ = ["build"]

RETIRES = (
    "No other document gets it, reviewers are not offered it, and the next model does not learn it. "
    "Documents that carry it keep it."
)
RESTORES = "It is given and offered again, and the next model learns it."
IN_TURN = {"concurrency_id": "retiring", "concurrency_limit": 1}  # what is answered last is what is shown
NO_LABEL = "Select a label in the table first."
ANOTHER = "Nothing was changed: another label was just opened. Look at it, then ask again."


def build(services: Services, bar: ProjectBar, editor: LabelEditor, changed: gr.State) -> None:
    """Lay out the question under the buttons, hidden until it is asked; a yes raises the number in `changed`."""
    asked_about = gr.State(None)  # id of the label that the question is about
    seen = gr.Number(visible=False, precision=0)  # the same, as the page shows it
    with gr.Column(visible=False, elem_id="label-retiring", elem_classes="lg-panel") as question:
        impact = gr.HTML(elem_id="label-impact")
        with gr.Row():
            retire = gr.Button("Retire it", variant="primary", size="sm", min_width=100, elem_id="label-retire-do")
            restore = gr.Button("Restore it", variant="primary", size="sm", min_width=100, elem_id="label-restore-do")
            leave = gr.Button("Leave it as it is", size="sm", min_width=120, elem_id="label-leave")

    def ask(key: int | None, *, retiring: bool) -> tuple[Any, ...]:
        if key is None:
            raise AppError(NO_LABEL)
        found = services.lifecycle.impact([key])
        said = impact_html(found, learnt=retiring) + markup.note(RETIRES if retiring else RESTORES, "plain")
        return key, key, gr.Column(visible=True), said, gr.Button(visible=retiring), gr.Button(visible=not retiring)

    def ask_to_retire(key: int | None) -> tuple[Any, ...]:
        return ask(key, retiring=True)

    def ask_to_restore(key: int | None) -> tuple[Any, ...]:
        return ask(key, retiring=False)

    def do_retire(key: int | None, seen: int, author: str, count: int) -> tuple[Any, ...]:
        if key != seen:
            raise AppError(ANOTHER)
        services.lifecycle.retire(seen, author_name(author))
        gr.Info("Retired. 'Show retired labels' lists it, and the history can take it back.")
        return count + 1, gr.Column(visible=False)

    def do_restore(key: int | None, seen: int, author: str, count: int) -> tuple[Any, ...]:
        if key != seen:
            raise AppError(ANOTHER)
        services.lifecycle.restore(seen, author_name(author))
        gr.Info("Restored.")
        return count + 1, gr.Column(visible=False)

    def hidden() -> Any:
        return gr.Column(visible=False)

    def of_another(key: int | None, about: int | None) -> Any:
        return gr.skip() if about in (None, key) else gr.Column(visible=False)

    asked = [asked_about, seen, question, impact, retire, restore]
    for button, asking in ((editor.retire, ask_to_retire), (editor.restore, ask_to_restore)):
        on(button.click, asking, editor.label_id, asked, show_progress="hidden", **IN_TURN).success(
            None, None, None, js=focus("#label-leave"), api_visibility="private"
        )
    on(retire.click, do_retire, [editor.label_id, seen, bar.author, changed], [changed, question])
    on(restore.click, do_restore, [editor.label_id, seen, bar.author, changed], [changed, question])
    on(leave.click, hidden, None, question, show_progress="hidden").success(
        None, None, None, js=focus("#label-retire, #label-restore"), api_visibility="private"
    )
    # The label may have been opened a moment before it was asked about: its question stays.
    on(editor.label_id.change, of_another, [editor.label_id, asked_about], question, show_progress="hidden",
       **IN_TURN)  # fmt: skip
