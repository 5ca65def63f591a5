from __future__ import annotations

import sqlite3

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from storage import annotations, documents, labels, model_versions, predictions, projects, runs
from storage.engine import MIGRATIONS, Database, create_engine
from storage.errors import StorageError
from storage.models import Action, RunStatus, metadata

ROWS = """
INSERT INTO project (id, name, name_key, task, created_at) VALUES (1, 'A', 'a', '', '2026-01-01 10:00:00');
INSERT INTO label VALUES (1, 1, 'Noise', 'noise', 0, '2026-01-01 10:00:00', NULL);
INSERT INTO descriptionversion VALUES (1, 1, 1, 'About noise.', 'ann', 'person', '', '2026-01-01 10:00:00');
INSERT INTO document (id, project_id, external_id, text, text_hash, split, created_at)
  VALUES (1, 1, 'd1', 'loud', 'h', 'train', '2026-01-01 10:00:00');
INSERT INTO run VALUES (1, 1, 'completed', '{"training": {}}', 'runs/1', NULL, '2026-01-01 10:00:00', NULL, NULL, NULL,
  0, 'ann', 1, 0, NULL, 0, NULL);
INSERT INTO modelversion VALUES (1, 1, 1, 1, 'runs/1/model', 'minilm', 'h', 'h', 0.4, '[]', 0.5, 0.5, NULL, NULL,
  '2026-01-01 10:00:00', NULL);
INSERT INTO prediction VALUES (1, 1, 1, 0.4, '2026-01-01 10:00:00');
INSERT INTO predictedsentence VALUES (1, 1, 0, 'About noise.', 1, 0.9, NULL, NULL, NULL, 0);
INSERT INTO annotation VALUES (1, 1, 'ann', 'corrected', NULL, 1, '2026-01-01 10:00:00');
INSERT INTO annotationlabel VALUES (1, 1);
UPDATE document SET annotation_id = 1, annotation_action = 'corrected';
UPDATE project SET active_model_id = 1;
"""


def at_first_revision(path):
    """A database as the first release left it, with a row in every table that others point to."""
    engine = create_engine(f"sqlite:///{path}", foreign_keys=False)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.executescript(ROWS)
    connection.close()


def test_migrating_an_empty_folder_makes_the_tables_of_the_models(tmp_path):
    """Alembic finds no difference between the migrated database and the models."""
    database = Database(f"sqlite:///{tmp_path / 'new' / 'workbench.db'}")
    database.migrate()
    database.migrate()
    engine = create_engine(database.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    database.dispose()


def test_rows_of_the_first_revision_survive(tmp_path):
    """A database from 0001, with rows in use by one another, is read by today's functions."""
    at_first_revision(tmp_path / "workbench.db")
    database = Database(f"sqlite:///{tmp_path / 'workbench.db'}")
    database.migrate()
    with database.read() as session:
        assert model_versions.active(session, project_id=1).title == "v1 · minilm"
        assert runs.get(session, run_id=1).status is RunStatus.COMPLETED
        assert documents.get(session, document_id=1).annotation_action is Action.CORRECTED
        assert documents.get(session, document_id=1).import_id is None
        assert annotations.label_names(session, annotation_ids=[1]) == {1: ["Noise"]}
        assert labels.current_version(session, label_id=1).text == "About noise."
        assert [row.text for row in predictions.sentences(session, prediction_id=1)] == ["About noise."]
        assert projects.get(session, project_id=1).outside_allowed
        assert projects.get(session, project_id=1).annotation_changes == 0
        assert labels.current_version(session, label_id=1).provenance == {}
        noise = labels.get(session, label_id=1)
        assert (noise.group, noise.digit, noise.examples_tricky, noise.merged_into_id) == ("", None, [], None)
        assert noise.parent_id is None
        assert predictions.get(session, prediction_id=1).label_set_id is None
        assert session.connection().execute(text("PRAGMA foreign_key_check")).all() == []
    with database.write() as session:
        projects.add(session, name="B")
    database.dispose()


def test_there_is_one_line_of_revisions():
    """The revisions begin at 0001 and end in one head."""
    script = ScriptDirectory(str(MIGRATIONS))
    assert len(script.get_heads()) == 1
    assert script.get_base() == "0001"


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    """A wrong file ends in a message and keeps its bytes."""
    path = tmp_path / "workbench.db"
    path.write_bytes(b"these are my notes" * 100)
    with pytest.raises(StorageError, match="cannot be opened or brought up to date"):
        Database(f"sqlite:///{path}").migrate()
    assert path.read_bytes() == b"these are my notes" * 100


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    """An unknown revision is not downgraded but named."""
    at_first_revision(tmp_path / "workbench.db")
    with sqlite3.connect(tmp_path / "workbench.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match=r"9999.*newer version"):
        Database(f"sqlite:///{tmp_path / 'workbench.db'}").migrate()
