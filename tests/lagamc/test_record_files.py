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


def test_blank_lines_are_counted(tmp_path):
    """The number is that of an editor."""
    read = records(tmp_path / "a.csv", 'text,label\n\n\nloud,noise\n\n"a\nb",noise,more\n\nfull,bins\n')
    assert [line for line, _ in read] == [4, 6, 9]


def test_a_line_that_is_not_json_says_what_each_must_be(tmp_path):
    read = records(tmp_path / "a.jsonl", '[\n{"text": "a"},\n{"text": "b"\n')
    assert [line for line, _ in read] == [1, 2, 3]
    assert (
        read[0][1] == "not JSON (Expecting value, character 3). Each line holds one whole object, without a comma "
        "or brackets around all of them."
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text\nloud\ncafé\n".encode("latin-1"), "holds the byte 0xe9 in line 3"),
        ("a.csv.gz", b"text\nloud\n", "not packed by gzip, or damaged .* Take '.gz' off its name"),
        ("a.csv.gz", gzip.compress(b"text\nloud\n")[:-9], "is damaged: .* Fetch or pack it again"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        list(read_records(path, max_bytes=1e6))
