from __future__ import annotations

import json

import pytest
from chat_server import KEY
from databases import fresh_database
from label_desk import Desk
from small_collection import DESCRIPTIONS, Collection
from tiny_models import build_tiny_embedded

from app.container import build
from app.services.documents import DocumentService
from app.services.imports import ImportService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from app.settings import Settings
from lagamc.descriptions.chat import ChatSettings


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
def desk(database):
    """A project of three labels and six documents, and the services that change it."""
    return Desk(database)


@pytest.fixture
def write_jsonl(tmp_path):
    """Write records, or lines as they are, to a file and return its path."""

    def write(*records, name="documents.jsonl"):
        path = tmp_path / name
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def importer(database):
    return ImportService(database)


@pytest.fixture
def documents(database, project_id):
    """All documents of the project, as rows."""
    return lambda: DocumentService(database).page(project_id, 500).rows


@pytest.fixture
def untrained(tmp_path, httpserver):
    """A project without a model, with the real encoder, Wikipedia and a chat model at the test's server."""
    collection = Collection(tmp_path / "data")
    collection.add_documents(train=9, dev=3)
    settings = Settings(data_folder=tmp_path / "data", device="cpu", wikipedia_url=httpserver.url_for("/w"))
    collection.services = build(settings)
    yield collection
    collection.services.close()
    collection.close()


@pytest.fixture
def chat(httpserver):
    return ChatSettings(model="m", base_url=httpserver.url_for("/v1"), key=KEY, retries=0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with a tiny model as version 1."""
    folder = tmp_path_factory.mktemp("trained")
    backbone = build_tiny_embedded(folder / "encoder", DESCRIPTIONS.values())
    collection = Collection(folder / "data")
    collection.add_documents()
    config = {"backbone": str(backbone), "epochs": 4, "batch_size": 4, "learning_rate": 2e-3}
    run = collection.finish(collection.training.start(collection.project_id, config, "ann"))
    assert run.status == "completed", run.error
    yield collection
    collection.close()
