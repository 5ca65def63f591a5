from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.errors import AppError
from app.settings import Settings


def test_the_database_lies_in_the_data_folder(tmp_path):
    """Without an address of its own, the database is a file beside the runs."""
    settings = Settings(data_folder=tmp_path / "data")
    assert settings.database_url == f"sqlite:///{tmp_path}/data/workbench.db"
    assert settings.runs_folder == tmp_path / "data" / "runs"
    assert not settings.data_folder.exists()


@pytest.mark.parametrize("name", ["a?b", "a%41b", "a#b c"])
def test_the_database_lies_in_a_folder_of_any_name(tmp_path, name):
    """Nothing of a path is taken for a part of an address."""
    settings = Settings(data_folder=tmp_path / name)
    assert make_url(settings.database_url).database == str(tmp_path / name / "workbench.db")


def test_a_database_elsewhere_is_kept():
    """A given address wins, and the home folder is understood."""
    settings = Settings(data_folder=Path("~/data"), database_url="postgresql+psycopg://host/name")
    assert settings.database_url == "postgresql+psycopg://host/name"
    assert settings.data_folder == Path.home() / "data"


def test_the_database_of_the_environment_is_used(tmp_path, monkeypatch):
    """An empty one counts as none."""
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://host/name")
    assert Settings(data_folder=tmp_path).database_url == "postgresql+psycopg://host/name"
    monkeypatch.setenv("DATABASE_URL", "")
    assert Settings(data_folder=tmp_path).database_url.startswith("sqlite:///")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_out_of_range_are_refused(tmp_path, port):
    """The message says what a port may be."""
    with pytest.raises(AppError, match="between 1 and 65535"):
        Settings(data_folder=tmp_path, port=port)


def test_memory_for_models_must_be_some(tmp_path):
    """The message says what was given."""
    with pytest.raises(AppError, match="at least 1 MB, got 0"):
        Settings(data_folder=tmp_path, model_megabytes=0)


def test_training_needs_a_gpu_or_the_processor(tmp_path):
    with pytest.raises(AppError, match=r"at least 1 .*got 0\. Leave --gpus out"):
        Settings(data_folder=tmp_path, gpus=0)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path):
    """The file stays as it is."""
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(AppError, match="is a file"):
        Settings(data_folder=path)
    assert path.read_text() == "mine"


def test_the_ways_out_come_from_the_environment(tmp_path, monkeypatch):
    """Wikipedia and OpenAI stand where nothing is set; no key is among the settings."""
    for name in ("LAGAMC_WIKIPEDIA_URL", "LAGAMC_CHAT_URL", "LAGAMC_CHAT_MODEL", "LAGAMC_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    plain = Settings(data_folder=tmp_path)
    assert plain.wikipedia_url == "https://{language}.wikipedia.org/w/api.php"
    assert (plain.chat_url, plain.chat_model, plain.contact) == ("https://api.openai.com/v1", "", "")
    monkeypatch.setenv("LAGAMC_CHAT_URL", "http://127.0.0.1:11434/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert Settings(data_folder=tmp_path).chat_url == "http://127.0.0.1:11434/v1"
    assert "sk-secret" not in repr(Settings(data_folder=tmp_path))
