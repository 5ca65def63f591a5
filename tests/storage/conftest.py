from __future__ import annotations

import pytest
from databases import fresh_database

from storage import labels, projects
from storage.documents import text_hash
from storage.models import Document


@pytest.fixture
def database(tmp_path):
    """An empty database at the newest revision."""
    with fresh_database(tmp_path) as database:
        yield database


@pytest.fixture
def project_id(database):
    with database.write() as session:
        return projects.add(session, name="messages").id


@pytest.fixture
def add_labels(database, project_id):
    """Add described labels by name and return their ids."""

    def add(*names):
        with database.write() as session:
            ids = [labels.add(session, project_id=project_id, name=name).id for name in names]
            for name, label_id in zip(names, ids, strict=True):
                labels.add_version(session, label_id=label_id, text=f"About {name}.", author="ann")
        return ids

    return add


@pytest.fixture
def add_documents(database, project_id):
    """Add one document a split given and return their ids."""
    number = 0

    def add(*splits):
        nonlocal number
        rows = []
        for split in splits:
            number += 1
            text = f"message {number}"
            rows.append(
                Document(
                    project_id=project_id,
                    external_id=f"d{number}",
                    text=text,
                    text_hash=text_hash(text),
                    split=split,
                )
            )
        with database.write() as session:
            session.add_all(rows)
        return [row.id for row in rows]

    return add
