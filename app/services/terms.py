"""What the documents of a project's labels are about, in words; counted in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.services.preparation import LOOKED_AT
from storage import evidence, projects
from storage.engine import Database

if TYPE_CHECKING:
    from lagamc.descriptions.scaffold import TermTable

__all__ = ["LabelDocuments", "Terms", "label_documents"]

COUNTED_DOCUMENTS = 5_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LabelDocuments:
    """Annotated documents in order of id: their texts, and the ids of the labels each carries."""

    ids: list[int]
    texts: list[str]
    carried: list[set[int]]


def label_documents(database: Database, project_id: int, *, carrying: int | None = None) -> LabelDocuments:
    """Read annotated documents that are not of the test split, at most 5,000, of one label or of all."""
    with database.read() as session:
        carried = evidence.carried(session, project_id=project_id, splits=LOOKED_AT, label_id=carrying)
        ids = list(carried)[:COUNTED_DOCUMENTS]
        texts = evidence.texts(session, ids=ids)
    return LabelDocuments(ids, [texts[key][1] for key in ids], [carried[key] for key in ids])


class Terms:
    """Term tables of the projects last looked at; while one is counted anew, the old one answers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._tables: dict[int, tuple[tuple[int, tuple[int, ...]], TermTable]] = {}
        self._counting: dict[int, threading.Thread] = {}

    def table(self, project_id: int, label_ids: Sequence[int], *, wait: bool = False) -> TermTable | None:
        """The table of some labels, in their order; None until it is counted, unless `wait`."""
        with self._database.read() as session:
            stamp = projects.get(session, project_id=project_id).annotation_changes, tuple(label_ids)
        with self._lock:
            known = self._tables.get(project_id)
            if known is not None and known[0] == stamp:
                return known[1]
            thread = self._counting.get(project_id)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(
                    target=self._count, args=(project_id, stamp), name=f"terms-{project_id}", daemon=True
                )
                self._counting[project_id] = thread
                thread.start()
        if wait:
            thread.join()
            known = self._tables.get(project_id)
        return known[1] if known is not None and known[0][1] == stamp[1] else None

    def close(self) -> None:
        """Wait for what is being counted."""
        for thread in list(self._counting.values()):
            thread.join()

    def _count(self, project_id: int, stamp: tuple[int, tuple[int, ...]]) -> None:
        from lagamc.descriptions.scaffold import TermTable

        try:
            documents = label_documents(self._database, project_id)
            rows = {label_id: row for row, label_id in enumerate(stamp[1])}
            carried = [[rows[key] for key in held if key in rows] for held in documents.carried]
            table = TermTable(documents.texts, carried, len(rows))
        except Exception:  # a table is a help; without it the checks that need none still work
            logger.exception("The terms of project %s were not counted.", project_id)
            return
        with self._lock:
            self._tables[project_id] = stamp, table
