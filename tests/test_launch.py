"""The command that serves the workbench."""

from __future__ import annotations

import socket

import pytest

import launch


def test_help_explains_each_argument_in_a_line_with_its_default(capsys):
    """Host, port, data folder, device and demo."""
    with pytest.raises(SystemExit) as stop:
        launch.main(["--help"])
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for name, default in {"--host": "127.0.0.1", "--port": "7860", "--data-folder": "data", "--device": "auto"}.items():
        assert any(line.strip().startswith(name) and line.endswith(f"(default: {default})") for line in lines)
    assert any(line.strip().startswith("--demo") for line in lines)


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--data-folder", __file__], ["--device", "gpu"]])
def test_a_wrong_setting_ends_with_a_message(arguments, capsys):
    """No traceback, and exit code 1."""
    assert launch.main(arguments) == 1
    assert capsys.readouterr().err.startswith("launch.py: The ")


def test_a_wrong_database_address_of_the_environment_ends_with_a_message(tmp_path, monkeypatch, capsys):
    """It was read, and the message says how to write one."""
    monkeypatch.setenv("DATABASE_URL", "nowhere")
    assert launch.main(["--data-folder", str(tmp_path)]) == 1
    assert "The database address cannot be used" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path, capsys):
    """In the words of this command's own options."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert launch.main(["--data-folder", str(tmp_path), "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"Port {port} on 127.0.0.1 is taken" in said
    assert "--port N" in said
    assert "GRADIO" not in said
