"""The README's examples run as they are printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving import served
from tiny_models import build_tiny_embedded

README = Path(__file__).parent.parent / "README.md"


def example(name):
    found = re.search(rf"<!-- example:{name} -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return found[1]


def test_the_library_example_runs(tmp_path):
    """Only the settings are replaced, by quick ones: a corpus is trained on, and documents are classified."""
    (tmp_path / "labels.json").write_text('{"road": "Holes in the road.", "noise": "A loud noise."}')
    texts = {"a hole": "road", "a drum": "noise", "tarmac": "road", "a loud party": "noise"}
    rows = [json.dumps({"text": text, "labels": [label]}) for text, label in texts.items()]
    for part in ("train", "dev"):
        (tmp_path / f"{part}.jsonl").write_text("\n".join(rows))
    (tmp_path / "messages.txt").write_text("a hole\na drum\n")
    config = f"TrainingConfig(backbone={str(build_tiny_embedded(tmp_path / 'tiny'))!r}, epochs=1)"
    code = example("library").replace("TrainingConfig()", config)
    assert config in code
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 3
    assert "epoch 1: dev micro-F1" in done.stdout + done.stderr


@pytest.mark.browser
def test_the_api_example_runs(tmp_path):
    """Only the address and, to be quick, the backbone are replaced."""
    with served(tmp_path / "data", "--demo") as address:
        code = example("api").replace("http://127.0.0.1:7860", address)
        code = code.replace('"minilm"', repr(str(build_tiny_embedded(tmp_path / "tiny"))))
        assert address in code
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    labels, *sentences, imported, saved, status = done.stdout.strip().splitlines()
    assert "waste collection" in labels
    assert "untrained encoder False" in labels
    assert sentences
    assert (imported, saved) == ("1 0 []", "corrected")
    assert status in {"queued", "running"}


def test_the_figures_are_those_of_the_results_files():
    """`python benchmarks/tables.py` would change nothing."""
    from tables import PAGES, rendered

    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        assert rendered(page) == page
    assert "| system |" in README.read_text(encoding="utf-8")
