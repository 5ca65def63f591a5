from __future__ import annotations

import json

import pytest
from databases import fresh_database

from app.services.labels import LabelService
from app.services.projects import ProjectService


@pytest.fixture
def database(tmp_path):
    """An empty database at the newest revision."""
    with fresh_database(tmp_path) as database:
        yield database


@pytest.fixture
def project_id(database):
    return ProjectService(database).create("messages")


@pytest.fixture
def label_ids(database, project_id):
    """Three described labels as {name: id}."""
    service = LabelService(database)
    return {name: service.add(project_id, name, f"About {name}.", "ann") for name in ("noise", "bins", "water")}


@pytest.fixture
def write_jsonl(tmp_path):
    """Write records, or lines as they are, to a file and return its path."""

    def write(*records, name="documents.jsonl"):
        path = tmp_path / name
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
