"""The README's API example runs as it is printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving import served
from tiny_models import build_tiny_embedded

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.browser
def test_the_api_example_runs(tmp_path):
    """Only the address and, to be quick, the backbone are replaced."""
    found = re.search(r"<!-- example:api -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    with served(tmp_path / "data", "--demo") as address:
        code = found[1].replace("http://127.0.0.1:7860", address)
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
