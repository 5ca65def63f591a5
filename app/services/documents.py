"""Documents of a project, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from app.errors import AppError
from storage import annotations as annotation_log
from storage import documents, projects
from storage.engine import Database
from storage.models import Document, Split

__all__ = ["DocumentPage", "DocumentRow", "DocumentService"]

MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document with the names of its current labels."""

    id: int
    external_id: str
    text: str
    split: str
    labels: list[str]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some documents, and how many there are in all."""

    rows: list[DocumentRow]
    total: int


class DocumentService:
    """Use cases of every list of documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, project_id: int, offset: int, limit: int, split: str | None = None, query: str | None = None
    ) -> DocumentPage:
        """Return documents in order of import, `query` looked for in texts and ids. Raises AppError."""
        if offset < 0 or not 1 <= limit <= MAX_PAGE:
            raise AppError(f"A page holds 1 to {MAX_PAGE} documents from 0 on; got {limit} from {offset}.")
        if split is not None and split not in list(Split):
            raise AppError(f"The split {split!r} is none of {', '.join(Split)}.")
        part, words = Split(split) if split else None, query or ""
        with self._database.read() as session:
            projects.get(session, project_id=project_id)
            found = documents.page(session, project_id=project_id, offset=offset, limit=limit, split=part, query=words)
            total = documents.total(session, project_id=project_id, split=part, query=words)
            return DocumentPage(_rows(session, found), total)

    def get(self, document_id: int) -> DocumentRow:
        """Return one document. Raises NotFound."""
        with self._database.read() as session:
            return _rows(session, [documents.get(session, document_id=document_id)])[0]

    def find(self, project_id: int, external_id: str) -> DocumentRow:
        """Return the document that has this id of its own in a project. Raises NotFound."""
        with self._database.read() as session:
            found = documents.find(session, project_id=project_id, external_id=external_id)
            return _rows(session, [found])[0]


def _rows(session: Session, found: Sequence[Document]) -> list[DocumentRow]:
    names = annotation_log.label_names(session, annotation_ids=[document.annotation_id for document in found])
    return [
        DocumentRow(
            id=document.id,
            external_id=document.external_id,
            text=document.text,
            split=document.split.value,
            labels=names.get(document.annotation_id or 0, []),
        )
        for document in found
    ]
