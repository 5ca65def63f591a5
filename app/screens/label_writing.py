"""What a person is writing about a label, and what becomes of it when they leave it unsaved."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

import gradio as gr

from app.components.past import Past
from app.components.project_bar import author_name
from app.errors import AppError

if TYPE_CHECKING:
    from app.container import Services

__all__ = ["Writing", "leave"]

LEFT = "The text of {!r} was not saved. It is kept among the label's drafts."
UNKEPT = "The text of {!r} was not saved, and cannot be kept as a draft. {}"
NOT_RENAMED = "The name of {!r} was not saved; {!r} was typed."
NEW_LEFT = "The new label{} was not saved."
BACK = " 'New label', then 'Undo' brings its text back."


class Writing(NamedTuple):
    """What is in the editor: the label, its name as loaded and as typed, the text, the past.

    `seen` is the label that name and text are of. The server may be ahead of the page, which shows the one before then.
    `left` are the texts of new labels that were left unsaved, the last one last.
    """

    label_id: int | None
    seen: int | None
    loaded: str
    name: str
    text: str
    past: Past
    left: tuple[str, ...]


def leave(services: Services, writing: Writing, author: str) -> tuple[str, ...]:
    """Keep a text that was not saved, tell so and of a name, and return the texts of new labels that were left.

    Raises AppError for a text that cannot be kept, such as one that is too long.
    """
    if writing.seen != writing.label_id:  # it was left already
        return writing.left
    name, text = " ".join(writing.name.split()), " ".join(writing.text.split())
    if writing.label_id is None:
        if name or text:
            gr.Warning(html.escape(NEW_LEFT.format(f" {name!r}" if name else "") + (BACK if text else "")))
        return (*(other for other in writing.left if other != text), *([text] if text else ()))
    if name not in {"", writing.loaded}:
        gr.Warning(html.escape(NOT_RENAMED.format(writing.loaded, name)))
    if not text:
        return writing.left
    known = {version.text for version in services.labels.versions(writing.label_id, limit=1)}
    known |= {draft.text for draft in services.drafts.list(writing.label_id)}
    if text not in known:
        try:
            services.drafts.add(writing.label_id, text, source="person", author=author_name(author))
        except AppError as error:
            raise AppError(UNKEPT.format(writing.loaded, error)) from error
        gr.Warning(html.escape(LEFT.format(writing.loaded)))
    return writing.left
