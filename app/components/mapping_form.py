"""The head of a file with the columns to take from it, guessed and editable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.components import markup
from lagamc.readers import ColumnMapping, Preview

__all__ = ["MappingForm", "mapping_form"]

NOT_IN_FILE = "(none)"
MAX_CELL_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class MappingForm:
    """The elements of the form; `read` turns the values of `inputs` into a mapping."""

    panel: gr.Column
    head: gr.HTML
    inputs: list[gr.Dropdown | gr.Textbox]

    @property
    def outputs(self) -> list[Any]:
        """The elements that `show` and `hide` update."""
        return [self.panel, self.head, *self.inputs]

    def show(self, preview: Preview) -> list[Any]:
        """Return the updates that fill the form from the head of a file."""
        columns = [(name, name) for name in preview.columns]
        optional = [(NOT_IN_FILE, ""), *columns]
        guess = preview.mapping if self.inputs[1].visible else preview.mapping.of_texts()
        return [
            gr.Column(visible=True),
            _head(preview),
            gr.Dropdown(choices=columns, value=guess.text),
            gr.Dropdown(choices=optional, value=guess.labels or ""),
            gr.Dropdown(choices=optional, value=guess.id or ""),
            gr.Dropdown(choices=optional, value=guess.split or ""),
            gr.Textbox(value=guess.label_separator, visible=self._separator_shown(preview)),
        ]

    def hide(self) -> list[Any]:
        """Return the updates that put the form away."""
        return [gr.Column(visible=False), *(gr.skip() for _ in self.outputs[1:])]

    def _separator_shown(self, preview: Preview) -> bool:
        return preview.labels_as_text and bool(self.inputs[1].visible)

    @staticmethod
    def read(text: str, labels: str, key: str, split: str, separator: str) -> ColumnMapping:
        """Return the mapping as the form shows it."""
        return ColumnMapping(text, labels or None, key or None, split or None, separator or ";")


def mapping_form(*, with_labels: bool) -> MappingForm:
    """Lay out the form, hidden until a file is shown; without labels it asks for the text and the id only."""
    with gr.Column(visible=False, elem_classes="lg-mapping") as panel:
        head = gr.HTML()
        with gr.Row():
            text = gr.Dropdown([], label="Text column", min_width=130)
            labels = gr.Dropdown([], label="Labels column", min_width=130, visible=with_labels)
            key = gr.Dropdown([], label="Id column", min_width=130)
            split = gr.Dropdown([], label="Split column", min_width=130, visible=with_labels)
            separator = gr.Textbox(label="Label separator", value=";", min_width=130, visible=with_labels)
    return MappingForm(panel, head, [text, labels, key, split, separator])


def _head(preview: Preview) -> str:
    rows = (markup.Row([_short(row.get(column, "")) for column in preview.columns]) for row in preview.rows)
    return markup.table(preview.columns, rows, empty="The file has no rows.")


def _short(cell: str) -> str:
    return cell if len(cell) <= MAX_CELL_CHARACTERS else f"{cell[:MAX_CELL_CHARACTERS]}…"
