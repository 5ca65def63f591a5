"""A file of results is gone on with where it was left, and never mixed or overwritten."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.errors import OutputError
from lagamc.output import ResumableOutput

ORIGIN = {"model": "a", "threshold": 0.4}


def write(path, items, *, stop=None, origin=ORIGIN):
    """Write an item a line, at most `stop` of them, and return which were written now."""
    written = []
    with ResumableOutput(path, origin) as output:
        for item in output.remaining(items, same=lambda line, item: line == f"{item}\n", name=str):
            if stop is not None and len(written) == stop:
                return written
            output.write(item)
            written.append(item)
        output.complete()
    return written


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 30))
def test_after_any_stop_the_file_becomes_what_one_go_makes(tmp_path_factory, count, stop, torn):
    """Even where the process was killed in the middle of a line."""
    folder = tmp_path_factory.mktemp("output")
    path, items = folder / "out.txt", [f"line {number} é" for number in range(count)]
    first = write(path, items, stop=stop)
    finished = not (folder / "out.txt.unfinished").exists()
    assert finished == (stop >= count)
    if not finished:
        content = path.read_bytes()
        kept = content[: len(content) - min(torn, len(content))]
        path.write_bytes(kept)
        again = write(path, items)
        assert len(again) == count - kept.count(b"\n")
        assert len(first) == min(stop, count)
    assert path.read_text(encoding="utf-8") == "".join(f"{item}\n" for item in items)


def test_a_finished_file_is_never_touched(tmp_path):
    """Not even by the command that wrote it."""
    path = tmp_path / "out.txt"
    write(path, ["a"])
    with pytest.raises(OutputError, match="exists already"):
        write(path, ["a", "b"])
    assert path.read_text() == "a\n"


def test_two_processes_do_not_write_one_file(tmp_path):
    """The second is turned away before it touches what the first has written; when that is gone it goes on."""
    path = tmp_path / "out.txt"
    with ResumableOutput(path, ORIGIN) as output:
        output.write("a")
        with path.open("a") as torn:
            torn.write("half a li")
        with pytest.raises(OutputError, match="another process"):
            ResumableOutput(path, ORIGIN)
        assert path.read_text() == "a\nhalf a li"
    assert write(path, ["a", "b"]) == ["b"]


@pytest.mark.parametrize(("items", "found"), [(["a", "x", "c"], "document x"), (["a"], "no document")])
def test_another_input_is_refused(tmp_path, items, found):
    """With the line that gave it away; what was written stays."""
    path = tmp_path / "out.txt"
    write(path, ["a", "b", "c"], stop=2)
    with pytest.raises(OutputError, match=f"Line 2 .*{found}"):
        write(path, items)
    assert path.read_text() == "a\nb\n"


def test_other_settings_are_refused(tmp_path):
    """With what they were and are."""
    path = tmp_path / "out.txt"
    write(path, ["a", "b"], stop=1)
    with pytest.raises(OutputError, match=r"threshold was 0\.4, is 0\.5"):
        write(path, ["a", "b"], origin=ORIGIN | {"threshold": 0.5})
    (tmp_path / "out.txt.unfinished").write_text("torn")
    with pytest.raises(OutputError, match="begun otherwise"):
        write(path, ["a", "b"])


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "nowhere" / "out.txt", ["a"])


@pytest.mark.parametrize("line", ["short", "longer than any buffer " * 10_000])
@pytest.mark.parametrize("finished", [True, False])
def test_a_full_disk_is_said(tmp_path, monkeypatch, line, finished):
    """Whenever the system notices: in a write, at the end, or when the file is closed."""
    monkeypatch.setattr(ResumableOutput, "_opened", lambda _: Path("/dev/full").open("a"))  # noqa: SIM115

    def run():
        with ResumableOutput(tmp_path / "out.txt", ORIGIN) as output:
            output.write(line)
            if finished:
                output.complete()

    with pytest.raises(OutputError, match=r"out\.txt cannot be written: .*No space left"):
        run()
