"""What parts the cells of a CSV file is seen from its first lines."""

import gzip

import pytest

from lagamc.errors import DatasetError
from lagamc.record_files import cell_delimiter, read_records


def records(path, content):
    path.write_bytes(content.encode("utf-8"))
    return list(read_records(path, max_bytes=1e6))


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("Text;Themen (Straße, Park, Müll)\nEin Loch;Straße\n", ["Text", "Themen (Straße, Park, Müll)"]),
        ('"Comment, feedback";"Topic"\n"So loud, so late";noise\n', ["Comment, feedback", "Topic"]),
        ('text;labels\n"one; two\nthree, four";noise\n', ["text", "labels"]),
        ("text\tlabels\na, b; c\tnoise\n", ["text", "labels"]),
        ("text,labels;more\na,b;c\n", ["text", "labels;more"]),  # both would do: the first of them
        ('text\n"a, b"\n', ["text"]),
        ("text,labels\n", ["text", "labels"]),
        ("text,labels\nhello, world,noise\nloud,noise\n", ["text", "labels"]),  # the first row is broken
        ("sep=;\nText;Label\nEin Loch, groß;Straße\n", ["Text", "Label"]),
    ],
)
def test_header_and_rows_agree(tmp_path, content, columns):
    good = [record for _, record in records(tmp_path / "a.csv", content) if isinstance(record, dict)]
    assert all(list(record) == columns for record in good)
    assert len(good) == (0 if content == "text,labels\n" else 1)


def test_lines_are_counted_from_the_top_of_the_file(tmp_path):
    """Also below the line by which a spreadsheet tells what parts cells."""
    assert records(tmp_path / "a.csv", "sep=;\ntext;label\na;b\nc;d;e\n") == [
        (3, {"text": "a", "label": "b"}),
        (4, "3 cells where the header has 2. Quote texts that hold a ';'."),
    ]


def test_nothing_has_no_delimiter_and_no_record(tmp_path):
    assert cell_delimiter([]) == ","
    path = tmp_path / "empty.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf"))
    with pytest.raises(DatasetError, match="must name each column once"):
        list(read_records(path, max_bytes=1e6))
