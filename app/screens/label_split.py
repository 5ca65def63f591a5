"""The open label split into several: parts described, documents assigned, looked through, then moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import author_name
from app.components.unsaved import ask_before_leaving
from app.errors import AppError
from app.screens.lifecycle import impact_html
from app.services.label_splits import SplitPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from app.services.label_splits import SplitProposal, SplitRow

__all__ = ["build", "in_order"]

EXPLAINED = (
    "A document goes to every part one of whose terms it holds, and else to the part whose description is nearest. "
    "The least certain come first; write other numbers into the last column, like 1 or 1, 2."
)
LISTED = 500  # documents on the page
MORE = " Only the {:,} least certain of {:,} documents are listed; the others go where these rules put them."
IN_TURN = {"concurrency_id": "split", "concurrency_limit": 1}  # many documents take long; nobody else waits for them
PARTS = ["Name", "Description", "Terms"]
NO_PARTS = [["", "", ""], ["", "", ""]]
PARTS_WRITTEN = """
const cells = document.querySelectorAll('#split-parts [role=gridcell] :is(span, textarea)');
return [...cells].some(cell => (cell.value ?? cell.textContent).trim());
"""


def build(services: Services, bar: ProjectBar, editor: LabelEditor, changed: gr.State) -> None:
    """Lay out the panel; a split raises the number in `changed`."""
    proposal = gr.State(None)
    project = gr.State(0)  # whose parts are on show
    left = gr.State({})  # {project id: parts} of projects that were left
    parts = gr.Dataframe(
        headers=PARTS,
        column_widths=["20%", "50%", "30%"],
        value=NO_PARTS,
        type="array",
        label="Parts of the open label; one may keep its name. Terms are separated by commas.",
        wrap=True,
        elem_id="split-parts",
    )
    propose = gr.Button("Propose a split", size="sm", elem_id="split-propose")
    impact = gr.HTML(elem_id="split-impact", js_on_load=ask_before_leaving(PARTS_WRITTEN))
    rows = gr.Dataframe(
        headers=["Document", "Text", "Margin", "Parts"],
        column_widths=["20%", "46%", "17%", "17%"],
        type="array",
        label="Documents",
        static_columns=[0, 1, 2],
        wrap=True,
        max_height=360,
        visible=False,
        elem_id="split-rows",
    )
    split = gr.Button("Split", variant="primary", size="sm", visible=False, elem_id="split-do")

    def show(key: int | None, table: list[list[Any]]) -> tuple[Any, ...]:
        if key is None:
            raise AppError("Open the label to split in the table first.")
        if others := {len(row) for row in table} - {len(PARTS)}:
            raise AppError(
                f"The table of parts has {others.pop()} columns; it needs {', '.join(PARTS)}. "
                "Take back what was added or deleted, or reload the page."
            )
        wanted = [
            SplitPart(str(name or ""), str(text or ""), tuple(str(terms or "").split(",")))
            for name, text, terms in table
            if name or text
        ]
        found = services.splits.propose(key, wanted)
        body = [
            [row.external_id, row.excerpt, markup.score(row.margin), ", ".join(str(part + 1) for part in row.parts)]
            for row in found.rows[:LISTED]
        ]
        numbered = ", ".join(f"{number} {part.name}" for number, part in enumerate(found.parts, start=1))
        more = MORE.format(LISTED, len(found.rows)) if len(found.rows) > LISTED else ""
        said = markup.note(f"{numbered}. {EXPLAINED}{more}", "plain") + impact_html(services.lifecycle.impact([key]))
        return found, said, gr.Dataframe(value=body, visible=bool(body)), gr.Button(visible=True)

    def do_split(found: SplitProposal, table: list[list[Any]], author: str, count: int) -> tuple[Any, ...]:
        listed = found.rows[:LISTED]
        chosen = {
            row.document_id: _numbers(str(cells[3]), len(found.parts))
            for row, cells in zip(listed, in_order(listed, table), strict=True)
        }
        services.splits.apply(found, author_name(author), chosen)
        gr.Info("Split. The history can take it back.")
        return count + 1, NO_PARTS, *cleared()

    def cleared() -> tuple[Any, ...]:
        return None, "", gr.Dataframe(visible=False), gr.Button(visible=False)

    def turn_to(
        project_id: int, before: int, kept: dict[int, list[list[Any]]], table: list[list[Any]]
    ) -> tuple[Any, ...]:
        kept = {**kept, before: table}
        return project_id, kept, kept.get(project_id, NO_PARTS)

    proposed = [proposal, impact, rows, split]
    on(propose.click, show, [editor.label_id, parts], proposed, **IN_TURN)
    on(split.click, do_split, [proposal, rows, bar.author, changed], [changed, parts, *proposed])
    on(bar.project.change, turn_to, [bar.project, project, left, parts], [project, left, parts], show_progress="hidden")
    for turn in ({}, IN_TURN):  # at once, and again behind a proposal that is on its way
        on(editor.label_id.change, cleared, None, proposed, show_progress="hidden", **turn)


def in_order(listed: Sequence[SplitRow], table: list[list[Any]]) -> list[list[Any]]:
    """The rows of the page, which a person may have sorted, in the order of the proposal. Raises AppError."""
    by_id = {str(cells[0]): cells for cells in table}
    if missing := [row.external_id for row in listed if row.external_id not in by_id]:
        raise AppError(
            f"The row of document {missing[0]} was deleted. Press 'Propose a split' again, and leave every row: "
            "each document needs a part."
        )
    return [by_id[row.external_id] for row in listed]


def _numbers(cell: str, size: int) -> list[int]:
    """Positions of parts from "1, 2". Raises AppError."""
    found = [part.strip() for part in cell.split(",") if part.strip()]
    if wrong := [part for part in found if not (part.isdecimal() and 1 <= int(part) <= size)]:
        raise AppError(f"{wrong[0]!r} is no part. Write numbers from 1 to {size}, separated by commas.")
    return [int(part) - 1 for part in found]
