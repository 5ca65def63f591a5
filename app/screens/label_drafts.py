"""Open drafts of a label, compared with the present wording; and the sources that new ones come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import on
from app.components.project_bar import NO_PROJECT, author_name, require_project
from app.errors import AppError
from app.screens import label_batch, label_editor, label_refine, label_versions, label_wikipedia
from app.screens.evidence import excerpt

if TYPE_CHECKING:
    from app.components.past import Past
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from app.screens.label_refine import ChatConnection
    from app.services.drafts import DraftView

__all__ = ["build"]

NO_LABEL = "Select a label in the table; then drafts for it can be made and compared here."
ANOTHER = "Nothing was kept: another label was just opened. Look at it, then keep its text."
NO_DRAFTS = "No open draft. Make one with the sources below; it counts only once you accept it."
FORBIDDEN = "Nothing of this project is sent anywhere: Wikipedia and chat models are switched off."
SCAFFOLD_HELP = (
    "Without any chat model: the label's distinctive terms and most typical sentences, as a scaffold to write from."
)


def build(
    services: Services, bar: ProjectBar, editor: LabelEditor, accepted: gr.State
) -> tuple[ChatConnection, gr.State]:
    """Lay out the panel; return its chat model's connection, and a number that rises as the open drafts change.

    An accepted draft raises the number in `accepted`, which other panels raise as well.
    """
    made = gr.State(0)  # raised by every source that made a draft, and by drafts put away and brought back
    chosen = gr.State(None)
    table = markup.clickable("drafts-table")
    with gr.Column(visible=False, elem_id="draft-detail", elem_classes="lg-panel") as detail:
        about = gr.HTML(elem_id="draft-about")
        with gr.Row():
            accept = gr.Button(
                "Accept as it is", variant="primary", size="sm", scale=0, min_width=170, elem_id="draft-accept"
            )
            edit = gr.Button("Put it into the editor", size="sm", scale=0, min_width=170, elem_id="draft-edit")
            discard = gr.Button("Discard", size="sm", scale=0, min_width=170, elem_id="draft-discard")
    discarded = gr.State(None)
    with gr.Row(visible=False, elem_classes="lg-bottom") as put_off:
        said = gr.HTML(elem_id="draft-discarded")
        back = gr.Button("Bring it back", size="sm", scale=0, min_width=170, elem_id="draft-back")
    with gr.Accordion("From Wikipedia", open=False, elem_id="source-wikipedia"):
        to_wikipedia = gr.HTML(elem_id="wikipedia-notice")
        asked = label_wikipedia.build(services, bar, editor, made)
    with gr.Accordion("Refine with a chat model", open=False, elem_id="source-refine"):
        to_chat = gr.HTML(elem_id="chat-notice")
        connection = label_refine.build(services, bar, editor, made)
    with gr.Accordion("All labels at once", open=False, elem_id="source-batch"):
        label_batch.build(services, bar, connection, asked, made)
    with gr.Accordion("From the data alone", open=False, elem_id="source-scaffold"):
        gr.HTML(markup.note(SCAFFOLD_HELP, "plain"))
        with gr.Row():
            scaffold = gr.Button("Assemble a scaffold", size="sm", scale=0, min_width=180, elem_id="scaffold-make")
    with gr.Accordion("What leaves this machine", open=False, elem_id="source-privacy"):
        notice = gr.HTML(elem_id="outside-notice")
        allowed = gr.Checkbox(label="This project may send to the outside", elem_id="outside-allowed")

    def show(project_id: int, key: int | None) -> tuple[Any, ...]:
        hidden = gr.Column(visible=False)
        if key is None:
            return markup.note(NO_LABEL), None, hidden, "", None, gr.Row(visible=False), ""
        found = services.drafts.list(key)
        rows = [
            markup.Row(
                [
                    label_versions.SOURCES.get(draft.source, draft.source) or "by hand",
                    wording.difference(draft.changes),
                    label_editor.judged(services, project_id, key, draft.text),
                    draft.author,
                    markup.moment(draft.created_at),
                ],
                key=draft.id,
            )
            for draft in found
        ]
        text = markup.table(
            ("From", "Against the present wording", "Tokens, nearest rival, findings", "By", "When (UTC)"),
            rows,
            empty=NO_DRAFTS,
        )
        last, words = services.drafts.last_discarded(key) or (None, "")
        told = markup.note(f"Discarded last: {excerpt(words)}", "plain")
        return text, None, hidden, "", last, gr.Row(visible=last is not None), told

    def select(key: int | None, event: gr.EventData) -> tuple[Any, ...]:
        draft = one(key, int(event.key))
        return draft.id, gr.Column(visible=True), _about(draft)

    def one(key: int | None, draft_id: int | None) -> DraftView:
        found = {} if key is None else {draft.id: draft for draft in services.drafts.list(key)}
        if draft_id is None or draft_id not in found:
            raise AppError("That draft is not open any more. Select the label again to see its drafts.")
        return found[draft_id]

    def take(
        project_id: int, key: int | None, draft_id: int | None, version: int | None, author: str, count: int
    ) -> int:
        if draft_id is None:
            raise AppError("Select a draft in the table first.")
        with label_editor.warned(services, project_id, key, one(key, draft_id).text):
            now = services.drafts.accept(draft_id, author_name(author), expected_version=version)
            gr.Info(f"Accepted as version {now}.")
        return count + 1

    def keep(key: int | None, seen: int | None, text: str, author: str, count: int) -> int:
        if key != seen:
            raise AppError(ANOTHER)
        if key is None:
            raise AppError(label_wikipedia.SAVE_FIRST)
        services.drafts.add(key, text, source="person", author=author_name(author))
        gr.Info("Kept among the label's drafts; it counts once you accept it.")
        return count + 1

    def into_editor(key: int | None, draft_id: int | None, before: str, past: Past) -> tuple[Any, ...]:
        return label_editor.proposed(one(key, draft_id).text, draft_id, before, past)

    def put_away(key: int | None, draft_id: int | None, count: int) -> int:
        services.drafts.discard(one(key, draft_id).id)
        return count + 1

    def bring_back(draft_id: int, count: int) -> int:
        services.drafts.bring_back(draft_id)
        return count + 1

    def assemble(key: int | None, author: str, count: int) -> int:
        if key is None:
            raise AppError(NO_LABEL)
        services.drafts.scaffold(key, author_name(author))
        return count + 1

    def privacy(project_id: int) -> tuple[Any, ...]:
        if not project_id:
            return markup.note(NO_PROJECT), False, "", ""
        told = services.outside.notice(project_id)
        each = (markup.note(said if told.allowed else FORBIDDEN, "plain") for said in (told.wikipedia, told.chat))
        return _notice(told.allowed, told.wikipedia, told.chat), told.allowed, *each

    def allow(project_id: int, wanted: bool) -> tuple[Any, ...]:
        services.projects.set_outside_allowed(require_project(project_id), allowed=wanted)
        return privacy(project_id)

    shown = [table, chosen, detail, about, discarded, put_off, said]
    for event in (editor.label_id.change, editor.version.change, made.change, accepted.change):
        on(event, show, [bar.project, editor.label_id], shown, show_progress="hidden")
    on(table.select, select, editor.label_id, [chosen, detail, about], show_progress="hidden")
    on(accept.click, take, [bar.project, editor.label_id, chosen, editor.version, bar.author, accepted], accepted)
    on(editor.keep.click, keep, [editor.label_id, editor.seen, editor.description, bar.author, made], made)
    on(edit.click, into_editor, [editor.label_id, chosen, editor.description, editor.past], editor.proposal,
       show_progress="hidden")  # fmt: skip
    on(discard.click, put_away, [editor.label_id, chosen, made], made)
    on(back.click, bring_back, [discarded, made], made)
    on(scaffold.click, assemble, [editor.label_id, bar.author, made], made, show_progress_on=table)
    told = [notice, allowed, to_wikipedia, to_chat]
    on(bar.project.change, privacy, bar.project, told, show_progress="hidden")
    on(allowed.input, allow, [bar.project, allowed], told, show_progress="hidden")
    return connection, made


def _about(draft: DraftView) -> str:
    text = Markup('<p class="lg-wording">{}</p>').format(draft.text)
    made_from = label_versions.origin(draft.source, draft.provenance)
    text += Markup('<p class="lg-muted">{}</p>').format(made_from) if made_from else ""
    if prompt := draft.provenance.get("prompt"):
        text += Markup(
            '<details><summary>The prompt that was sent</summary><pre class="lg-pre">{}</pre></details>'
        ).format(prompt)
    if answer := draft.provenance.get("answer"):
        text += Markup(
            '<details><summary>The answer as it came</summary><pre class="lg-pre">{}</pre></details>'
        ).format(answer)
    return str(text)


def _notice(allowed: bool, wikipedia: str, chat: str) -> str:
    if not allowed:
        return markup.note(FORBIDDEN)
    lines = Markup("<b>Wikipedia.</b> {}<br><b>Chat model.</b> {}<br>{}").format(
        wikipedia, chat, "Keys are used for the call and kept nowhere. Nothing is sent before you press a button."
    )
    return markup.note(lines)
