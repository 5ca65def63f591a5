"""Reading the event file of a run."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.events import EventError, parse_event, read_lines

STEP = {
    "type": "step",
    "time": 1.5,
    "step": 3,
    "loss": 2.0,
    "cross_entropy": 2.5,
    "cosine": 0.5,
    "description": 0.1,
    "lambda": 0.5,
}


def test_a_torn_last_line_is_left_until_its_line_feed_arrives(tmp_path):
    """Half a line is never read, and the whole of it is read once."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b"')
    lines, offset = read_lines(path, 0)
    assert lines == [b'{"a": 1}']
    assert read_lines(path, offset) == ([], offset)
    with path.open("ab") as file:
        file.write(b": 2}\n")
    assert read_lines(path, offset) == ([b'{"b": 2}'], path.stat().st_size)


def test_a_missing_file_has_no_lines(tmp_path):
    """A child that has not written yet is no error."""
    assert read_lines(tmp_path / "none", 0) == ([], 0)


@given(
    st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)),
    st.integers(1, 64),
)
def test_every_line_is_read_exactly_once_whatever_the_block_size(tmp_path_factory, lines, spare):
    """Reading from offset to offset yields the lines of the file, in order."""
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    encoded = [line.encode() for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    limit = max((len(line) for line in encoded), default=0) + spare
    offset, found = 0, []
    while block := read_lines(path, offset, limit):
        found += block[0]
        if block[1] == offset:
            break
        offset = block[1]
    assert found == encoded


def test_a_line_longer_than_a_block_does_not_hold_up_the_next(tmp_path):
    """Its pieces are handed out, to be refused as malformed."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 25 + b"\nnext\n")
    offset, found = 0, []
    for _ in range(4):
        lines, offset = read_lines(path, offset, 10)
        found += lines
    assert found[-1] == b"next"


def test_a_step_carries_its_metrics():
    """Loss terms come out under the names that the curves use."""
    event = parse_event(json.dumps(STEP).encode())
    assert (event.type, event.time, event.payload["step"]) == ("step", 1.5, 3)
    assert event.metrics == {
        "loss": 2.0,
        "cross_entropy": 2.5,
        "cosine": 0.5,
        "description": 0.1,
        "lambda": 0.5,
    }


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"[" * 100_000,
        b'{"type": "party", "time": 1}',
        b'{"type": ["step"], "time": 1}',
        b'{"type": "failed", "error": "no time"}',
        b'{"type": "failed", "time": NaN}',
        b'{"type": "failed", "time": 1e18}',
        b'{"type": "checkpoint", "time": 1, "step": "3"}',
        b'{"type": "checkpoint", "time": 1, "step": -1}',
        b'{"type": "checkpoint", "time": 1, "step": 1e3}',
        b'{"type": "checkpoint", "time": 1, "step": 99999999999999999999}',
        b'{"type": "evaluation", "time": 1, "step": 1, "micro_f1": 1e999, "macro_f1": 0}',
        b'{"type": "evaluation", "time": 1, "step": 1, "micro_f1": 1' + b"0" * 400 + b', "macro_f1": 0}',
        json.dumps({**STEP, "loss": None}).encode(),
    ],
)
def test_a_malformed_line_is_refused(line):
    """Broken JSON, unknown types and unusable numbers all end in the same error."""
    with pytest.raises(EventError):
        parse_event(line)
