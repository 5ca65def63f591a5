from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.descriptions.exchange import LabelRecord, compare, read_labels, write_csv, write_json, write_mapping
from lagamc.errors import LabelError

LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20).map(lambda t: " ".join(t.split()))
MARKED = st.builds(
    lambda mark, line: " ".join(f"{mark}{line}".split()), st.sampled_from(["=", "'=", "''@", "-"]), LINES
)
TEXTS = LINES | MARKED
NAMES = TEXTS.filter(lambda name: name.strip())
EXAMPLES = st.lists(TEXTS.filter(bool), max_size=3).map(tuple)
RECORDS = st.lists(
    st.builds(
        LabelRecord,
        name=NAMES,
        description=TEXTS,
        parent=TEXTS,
        group=TEXTS,
        colour=st.just("#1d6b57"),
        digit=st.sampled_from(["", "1"]),
        guideline=st.builds("{}\n{}".format, TEXTS, TEXTS),
        examples_positive=EXAMPLES,
        examples_tricky=EXAMPLES,
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda record: " ".join(record.name.split()).casefold(),
)


@given(records=RECORDS)
def test_every_form_reads_back_as_it_was_written(records):
    """CSV and JSON keep every attribute, formula marks and apostrophes included; a mapping keeps the texts."""
    assert read_labels(write_csv(records).encode(), name="labels.csv") == records
    assert read_labels(write_json(records).encode(), name="labels.json") == records
    attributed = [replace(record, source="wikipedia", provenance={"title": "T", "revision": 7}) for record in records]
    assert read_labels(write_json(attributed).encode(), name="labels.json") == attributed
    assert read_labels(write_csv(attributed).encode(), name="labels.csv") == records
    assert {one.kind for one in compare(records, attributed)} == {"unchanged"}
    mapping = [LabelRecord(record.name, record.description) for record in records]
    assert read_labels(write_mapping(records).encode(), name="labels.json") == mapping


@given(records=RECORDS)
def test_no_cell_of_a_csv_is_a_formula(records):
    """A spreadsheet finds no cell that begins with one of its marks."""
    import csv
    import io

    for row in csv.reader(io.StringIO(write_csv(records))):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_comparison_names_what_changes():
    """What a file does not speak of is no change; a label it lacks is missing."""
    present = [LabelRecord("Noise", "Loud.", digit="1"), LabelRecord("Bins", "Waste."), LabelRecord("Tax", "Money.")]
    incoming = [LabelRecord("noise", "Very loud."), LabelRecord("Bins", "Waste."), LabelRecord("Trees", "Green.")]
    found = [(one.kind, one.name, one.fields) for one in compare(present, incoming)]
    assert found == [
        ("changed", "Noise", ("name", "description")),
        ("unchanged", "Bins", ()),
        ("added", "Trees", ()),
        ("missing", "Tax", ()),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"{", "cannot be read as JSON"),
        ("a.json", b"[1]", "must hold"),
        ("a.json", b'{"Noise": 3}', "description of 'Noise' in a.json is no text"),
        ("a.json", b'{"labels": [{"name": "x", "weight": "1"}]}', "'weight', which means nothing"),
        ("a.json", b'{"labels": [{"description": "x"}]}', "Label 1 of a.json has no name"),
        ("a.json", b'{"labels": [{"name": "x", "provenance": "Wikipedia"}]}', "a provenance that means nothing"),
        ("a.json", b'{"labels": [{"name": "x", "provenance": {"prompt": "x"}}]}', "a provenance that means nothing"),
        ("a.json", b'{"labels": [{"name": "x", "provenance": {"documents": "x"}}]}', "a provenance that means"),
        ("a.json", b'{"labels": [{"name": "x", "provenance": {"temperature": 1e999}}]}', "a provenance that means"),
        ("a.json", b'{"Noise": "a", "noise ": "b"}', "are one label"),
        ("a.json", b'{"Noise": "a", "Noise": "b"}', "'Noise' comes twice"),
        ("a.json", b'{"Noise": "cut \\ud83d here"}', "Label 1 of a.json holds half of a character"),
        ("a.json", b"{}", "holds no label"),
        ("a.json", b"\xff\xfe", "no UTF-8 text"),
        ("a.json", b"[" * 100_000, "cannot be read as JSON"),
        ("a.csv", b"label,text\nx,y\n", "columns 'text'"),
        ("a.csv", b"description\ny\n", "one of them 'name'"),
        ("a.csv", b"name,description\nNoise,a,b\n", "Line 2 of a.csv has 3 cells"),
        ("a.csv", b'name,description\n"Noise', "is no CSV"),
        ("a.csv", b"", "holds no label"),
    ],
)
def test_a_file_of_another_form_is_refused_with_a_reason(name, content, message):
    """The message names file, place and what is expected."""
    with pytest.raises(LabelError, match=message):
        read_labels(content, name=name)


def test_spreadsheet_dialects_are_read():
    """A byte order mark, semicolons, and 'label' for 'name' do."""
    content = "\ufefflabel;description\r\nNoise;Loud.\r\n".encode()
    assert read_labels(content, name="Labels.CSV") == [LabelRecord("Noise", "Loud.")]
    assert json.loads(write_mapping([LabelRecord("Noise", "Loud.")])) == {"Noise": "Loud."}
