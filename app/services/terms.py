"""What the documents of a project's labels are about, in words; counted in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.services.preparation import LOOKED_AT
from storage import evidence, labels, projects
from storage.engine import Database

if TYPE_CHECKING:
    from lagamc.descriptions.scaffold import TermTable

__all__ = ["LabelDocuments", "LabelTerms", "Terms", "label_documents"]

COUNTED_DOCUMENTS = 5_000
KEPT_PROJECTS = 4  # a table of 1,000 labels takes 40 MB
Stamp = tuple[int, tuple[int, ...]]  # changes of annotations so far, ids of the labels in use

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


@dataclass(frozen=True, slots=True)
class LabelTerms:
    """The term table of the labels that were in use when it was counted; others have no terms."""

    ids: tuple[int, ...]
    table: TermTable

    def distinctive(self, label_id: int) -> Sequence[str]:
        """Terms by which the documents of a label differ from the others."""
        return self.table.distinctive(self.ids.index(label_id)) if label_id in self.ids else ()

    def against(self, label_id: int, rival_id: int) -> Sequence[str]:
        """Terms by which the documents of a label differ from those of a rival."""
        if not {label_id, rival_id} <= set(self.ids):
            return ()
        return self.table.against(self.ids.index(label_id), self.ids.index(rival_id))


class Terms:
    """Terms of the projects last counted; while they are counted anew, the old ones answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[int, tuple[Stamp, LabelTerms]] = {}
        self._counting: dict[int, threading.Thread] = {}

    def counted(self, project_id: int, *, wait: bool = False) -> LabelTerms | None:
        """The terms of a project's labels; None until they are counted once. With `wait` they are of now."""
        with self._database.read() as session:
            in_use = labels.by_name(session, project_id=project_id).values()
            changes = projects.get(session, project_id=project_id).annotation_changes
        stamp: Stamp = changes, tuple(sorted(label.id for label in in_use))
        thread = None
        while True:
            with self._lock:
                known = self._known.get(project_id)
                if known is not None and known[0] == stamp:
                    return known[1]
                running = self._counting.get(project_id)
                if running is None or not running.is_alive():
                    if thread is not None:  # what was counted for this call failed
                        return known[1] if known else None
                    running = thread = threading.Thread(
                        target=self._count, args=(project_id, stamp), name=f"terms-{project_id}", daemon=True
                    )
                    self._counting[project_id] = thread
                    thread.start()
                if not wait:
                    return known[1] if known else None
            running.join()  # of another call's count too, after which this one's begins

    def close(self) -> None:
        """Wait for what is being counted."""
        for thread in list(self._counting.values()):
            thread.join()

    def _count(self, project_id: int, stamp: Stamp) -> None:
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
            self._known.pop(project_id, None)
            self._known[project_id] = stamp, LabelTerms(stamp[1], table)
            while len(self._known) > KEPT_PROJECTS:
                self._known.pop(next(iter(self._known)))
