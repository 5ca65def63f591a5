"""Documents of a project, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from app.errors import AppError
from app.services.naming import checked_text
from storage import annotations as annotation_log
from storage import documents, projects
from storage.engine import Database
from storage.models import Document

__all__ = ["SEARCH_REACH", "DocumentPage", "DocumentRow", "DocumentService"]

MAX_PAGE = 500
MAX_QUERY = 1_000  # characters
SEARCH_REACH = 10_000  # documents that a search looks through for one page


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document with the names of its current labels."""

    id: int
    project_id: int
    external_id: str
    text: str
    split: str
    labels: list[str]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some documents, how many the project has, and the id to go on from, None at the end."""

    rows: list[DocumentRow]
    total: int
    next_after: int | None


class DocumentService:
    """Use cases of every list of documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, project_id: int, limit: int, after: int = 0, query: str = "") -> DocumentPage:
        """Return documents behind an id, in order of import, that hold every word of `query` in text or id.

        A search looks through the next SEARCH_REACH documents; a page may hold nothing and yet go on.
        Raises AppError.
        """
        if after < 0 or not 1 <= limit <= MAX_PAGE:
            raise AppError(f"A page holds 1 to {MAX_PAGE} documents behind the id 0 or higher; got {limit}, {after}.")
        query = checked_text(query, what="What is searched for", limit=MAX_QUERY)
        with self._database.read() as session:
            projects.get(session, project_id=project_id)
            found, next_after = documents.following(
                session, project_id=project_id, after_id=after, limit=limit, query=query, reach=SEARCH_REACH
            )
            return DocumentPage(_rows(session, found), documents.total(session, project_id=project_id), next_after)

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
            project_id=document.project_id,
            external_id=document.external_id,
            text=document.text,
            split=document.split.value,
            labels=names.get(document.annotation_id or 0, []),
        )
        for document in found
    ]
