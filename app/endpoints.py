"""The API: what a client of `gradio_client` may call, by name and with plain values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.utils import get_upload_folder, is_in_or_equal
from pydantic import ValidationError, validate_call

from app.components.events import INFERENCE, guarded
from app.components.project_bar import MAX_AUTHOR_CHARACTERS, author_name
from app.errors import AppError
from app.services.naming import checked_text
from lagamc.readers import ColumnMapping, require_columns

if TYPE_CHECKING:
    from app.container import Services

__all__ = ["register"]

MAX_SHOWN = 80  # characters of a value that is refused


def register(services: Services) -> None:
    """Add the five endpoints to the page being built. Projects go by name, documents by their own id."""

    def classify(project: str, text: str, threshold: float | None = None) -> dict[str, Any]:
        """Classify one text: its labels, every sentence with its cosines, training documents like it, and the model."""
        view = services.classification.classify_text(services.projects.find(project), text, threshold=threshold)
        return {
            "labels": view.labels,
            "untrained": view.untrained,
            "threshold": view.threshold,
            "model": view.model_name,
            "trained": view.trained,
            "sentences": [asdict(row) for row in view.rows],
            "neighbours": [
                {"id": row.external_id, "labels": row.labels, "cosine": row.cosine} for row in view.neighbours
            ],
        }

    def import_file(
        project: str,
        file: dict | str,  # type: ignore[type-arg]  # Gradio derives the schema from the bare type
        author: str,
        mapping: dict | None = None,  # type: ignore[type-arg]
        create_labels: bool = False,  # noqa: FBT002 (clients pass it by name)
    ) -> dict[str, Any]:
        """Import an uploaded file; the mapping of roles to columns is guessed if it is left out."""
        path, project_id = _uploaded(file), services.projects.find(project)
        preview = services.imports.preview(path, project_id)
        columns = _mapping(mapping) if mapping else preview.mapping
        require_columns(path, columns, preview.columns)  # JSON lines may lack any; a client that names one means it
        return asdict(services.imports.run(project_id, path, columns, _author(author), create_labels=create_labels))

    def start_training(
        project: str,
        author: str,
        config: dict | None = None,  # type: ignore[type-arg]
    ) -> int:
        """Queue a training run, with defaults for the settings left out, and return its id."""
        return services.training.start(services.projects.find(project), config or {}, _author(author))

    def run_status(run_id: int) -> dict[str, Any]:
        """Return the state of a run: status, progress in [0, 1], seconds elapsed and remaining, error."""
        return services.training.status(run_id)

    def save_correction(project: str, document: str, labels: list[str], author: str) -> dict[str, Any]:
        """Save the labels of a document as a person sees them, in answer to what the model says now."""
        found = services.documents.find(services.projects.find(project), document)
        item = services.reviews.item(found.id)
        prediction_id = item.prediction.id if item.prediction else None
        chosen = services.reviews.label_ids(found.id, labels)
        saved = services.reviews.save(found.id, chosen, _author(author), item.annotation_id, prediction_id)
        return {**asdict(saved), "saved_at": saved.saved_at.isoformat()}

    gr.api(_endpoint(classify), api_name="classify", **INFERENCE)
    gr.api(_endpoint(import_file), api_name="import")
    gr.api(_endpoint(start_training), api_name="start_training")
    gr.api(_endpoint(run_status), api_name="run_status")
    gr.api(_endpoint(save_correction), api_name="save_correction", **INFERENCE)


def _endpoint(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Guard a handler, and refuse values of another type than its own, by name; a client may send any JSON."""
    checked = validate_call(handler, config={"strict": True})

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return checked(*args, **kwargs)
        except ValidationError as error:
            found = error.errors()[0]
            place, *_ = found["loc"]
            names = list(handler.__annotations__)
            name = names[place] if isinstance(place, int) else place
            raise AppError(f"{name}: {found['msg']}, got {_short(found['input'])}.") from error

    return guarded(call, escape=False)


def _author(name: str) -> str:
    return checked_text(author_name(name), what="The author", limit=MAX_AUTHOR_CHARACTERS)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"


def _uploaded(file: Any) -> Path:
    """Return the path of an upload; a client must not make the server read any other file."""
    path = file.get("path") if isinstance(file, dict) else None
    if not isinstance(path, str) or not is_in_or_equal(path, get_upload_folder()):
        raise AppError("The file was not uploaded. Pass it as gradio_client.handle_file('messages.csv').")
    return Path(path)


def _mapping(columns: dict[str, str]) -> ColumnMapping:
    roles = {field.name for field in fields(ColumnMapping)}
    named = all(isinstance(value, str) for value in columns.values() if value is not None)
    if not columns.get("text") or columns.keys() - roles or not named:
        raise AppError(
            f"The mapping is {_short(columns)}. It takes names of columns for text, which is needed, labels, id and "
            "split, and a label_separator."
        )
    return ColumnMapping(**columns)
