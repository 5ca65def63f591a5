"""A small project, and the services that change its labels."""

from __future__ import annotations

import numpy as np

from app.services.label_lifecycle import LifecycleService
from app.services.label_splits import SplitService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from storage import annotations, documents, labels
from storage.models import Action, Document, SplitName


def embed(project_id, texts):
    """Unit vectors that count two letters, so that 'a' texts and 'b' texts are apart."""
    vectors = np.array([[text.count("a") + 0.1, text.count("b") + 0.1] for text in texts], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Desk:
    """A project of three labels and six documents, and the services that change it."""

    def __init__(self, database):
        self.database = database
        self.project_id = ProjectService(database).create("messages")
        self.labels = LabelService(database)
        self.lifecycle = LifecycleService(database)
        self.splits = SplitService(database, embed)
        self.ids = {n: self.labels.add(self.project_id, n, f"About {n}.", "ann") for n in ("noise", "bins", "water")}
        noise, bins, water = self.ids.values()
        held = [{noise}, {noise, bins}, {bins}, {water}, {bins, water}, set()]
        with database.write() as session:
            rows = [
                Document(
                    project_id=self.project_id,
                    external_id=f"d{number}",
                    text="aaa dog" if number % 2 else "bbb cat",
                    text_hash=str(number),
                    split=SplitName.TRAIN,
                )
                for number in range(len(held))
            ]
            documents.add_all(session, documents=rows)
            self.documents = [row.id for row in rows]
            carried = {row.id: labels_ for row, labels_ in zip(rows, held, strict=True)}
            annotations.add_imported(session, labels=carried, author="ann")

    def state(self):
        """Every label that is not a retired newcomer, and the labels of every document."""
        with self.database.read() as session:
            found = {
                label.id: (label.name, label.position, version.text, label.group, label.digit, label.merged_into_id,
                           label.retired_at is not None)
                for label, version in labels.described(session, project_id=self.project_id, include_retired=True)
                if label.id in self.ids.values() or label.retired_at is None
            }  # fmt: skip
            carried = {}
            for key in self.documents:
                document = documents.get(session, document_id=key)
                carried[key] = annotations.label_ids(session, annotation_id=document.annotation_id)
        return found, carried

    def carried(self, *numbers):
        """The label ids of documents by their number."""
        return [self.state()[1][self.documents[number]] for number in numbers]

    def review(self, number, label_ids):
        """Correct a document by hand."""
        with self.database.write() as session:
            document = documents.get(session, document_id=self.documents[number])
            annotations.record(
                session,
                document_id=document.id,
                labels=label_ids,
                author="ben",
                action=Action.CORRECTED,
                expected_id=document.annotation_id,
            )

    def last(self):
        """The id of the last step that was not taken back."""
        return next(s.id for s in self.lifecycle.history(self.project_id) if not s.undone and s.operation != "undone")

    def written(self):
        """Annotations written so far."""
        with self.database.read() as session:
            return sum(len(annotations.history(session, document_id=key)) for key in self.documents)
