"""Readers take what is good, and say of everything else on which line it stands and why it was refused."""

import gzip
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.corpus import Corpus, Example, read_corpus, read_split, read_splits
from lagamc.errors import DatasetError
from lagamc.readers import MAX_TEXT_CHARACTERS, ColumnMapping, Refusal, Row, preview_file, read_rows

PLAIN = ColumnMapping(text="text", labels="labels", id="id")


def write(path, content):
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@given(texts=st.lists(st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text), max_size=6))
def test_a_corpus_survives_its_file(tmp_path_factory, texts):
    """Writing and reading JSON lines gives the same texts (stripped), labels and hash."""
    path = tmp_path_factory.mktemp("corpus") / "c.jsonl"
    corpus = Corpus(Example(str(i), text.strip(), ("a", "b")) for i, text in enumerate(texts))
    corpus.write_jsonl(path)
    if texts:
        assert list(Corpus.read_jsonl(path)) == list(corpus)
        assert Corpus.read_jsonl(path).hash == corpus.hash


def test_a_part_of_a_corpus_is_one_and_says_its_size(corpora):
    part = corpora["train"][:7]
    assert part.hash == Corpus(list(corpora["train"])[:7]).hash
    assert repr(part) == "Corpus(7 documents, 2 labels)"


def test_the_letters_of_a_text_are_no_labels():
    """A list becomes a tuple, so that an example can be compared and hashed."""
    with pytest.raises(DatasetError, match=r"document '1' are the text 'noise'"):
        Example("1", "loud", "noise")
    assert Example("1", "loud", ["noise"]) == Example("1", "loud", ("noise",))


def test_a_label_that_comes_twice_counts_once():
    example = Example("1", "loud", ["road", "noise", " road"])
    assert example.labels == ("road", "noise")
    assert Corpus([example]).label_counts() == {"road": 1, "noise": 1}


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.jsonl", "f.jsonl.gz"])
def test_plain_and_gzipped_files_read_alike(tmp_path, name):
    if ".csv" in name:
        content = 'id,text,labels\r\n1,"two\nlines, and a comma",a; b;a\r\n2,second,\r\n'
    else:
        rows = [{"id": 1, "text": "two\nlines, and a comma", "labels": ["a", "b"]}, {"id": 2, "text": "second"}]
        content = "\n".join(map(json.dumps, rows))
    rows = list(read_rows(write(tmp_path / name, content), PLAIN))
    assert [row.text for row in rows] == ["two\nlines, and a comma", "second"]
    assert [row.labels for row in rows] == [("a", "b"), ()]
    assert [row.id for row in rows] == ["1", "2"]


def test_lines_are_counted_across_cells_with_line_breaks(tmp_path):
    """A refusal names the line that the person sees in the file."""
    path = write(tmp_path / "f.csv", 'id,text,labels\n1,"a\nb\nc",x\n2,,x\n3,d,x,extra\n')
    rows = list(read_rows(path, PLAIN))
    assert [type(row) for row in rows] == [Row, Refusal, Refusal]
    assert [row.line for row in rows] == [2, 5, 6]
    assert "4 cells where the header has 3" in rows[2].reason


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"text": "a \ud800"}, "text"),
        ({"text": "a", "labels": ["b", "c\udfff"]}, "labels"),
        ({"text": "a", "id": "\udc00"}, "id"),
    ],
)
def test_half_a_character_is_refused_where_it_stands(tmp_path, row, what):
    """JSON can name a surrogate alone; no file, hash or tokenizer could take it later on."""
    path = write(tmp_path / "f.jsonl", "\n".join([json.dumps(row), json.dumps({"text": "whole \U0001f6b2"})]))
    refusal, good = read_rows(path, PLAIN)
    assert re.match(rf"'\\u[0-9a-f]+' stands in the {what}, half of a character", refusal.reason)
    assert good.text == "whole \U0001f6b2"
    assert [cell.encode() for shown in preview_file(path).rows for cell in shown.values()]


def test_malformed_lines_among_good_ones_are_refused_alone(tmp_path):
    lines = ['{"text": "good"}', "{broken", "[1]", '{"text": "  "}', '{"text": 7}', '{"text": "also good"}', ""]
    lines += [json.dumps({"text": "x" * (MAX_TEXT_CHARACTERS + 1)}), json.dumps({"text": "x", "labels": {"a": 1}})]
    rows = list(read_rows(write(tmp_path / "f.jsonl", "\n".join(lines)), PLAIN))
    assert [row.line for row in rows if isinstance(row, Row)] == [1, 6]
    reasons = {row.line: row.reason for row in rows if isinstance(row, Refusal)}
    assert sorted(reasons) == [2, 3, 4, 5, 8, 9]
    assert "not JSON" in reasons[2]
    assert "empty" in reasons[4]
    assert "50,001 characters" in reasons[8]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("f.csv", "", "is empty"),
        ("f.jsonl", b"\xff\xfe{}", "not UTF-8"),
        ("f.csv", "text,labels\nol\xe9,a\n".encode("latin-1"), "not UTF-8"),
        ("f.csv", "foo,bar\n1,2\n-3.5,4e7\n", "no column with texts; it has 'foo', 'bar'"),
        ("f.xlsx", "PK", "not a type that can be read"),
        ("f.csv", "text,text\na,b\n", "name each column once"),
        ("f.jsonl.gz", b"", "cannot be read|no rows"),
        ("f.csv", "text,labels\n", "no rows"),
        ("f.jsonl", '[{"text": "a"}]', "no rows that can be read. Line 1: not a JSON object in braces. Each line"),
    ],
)
def test_unreadable_files_say_why(tmp_path, name, content, found):
    with pytest.raises(DatasetError, match=found):
        preview_file(write(tmp_path / name, content))


def test_a_folder_and_a_file_that_is_not_there_are_called_so(tmp_path):
    """Whatever they end in."""
    for name in ("in", "in.csv"):
        with pytest.raises(DatasetError, match=f"{name} is not there"):
            preview_file(tmp_path / name)
        (tmp_path / name).mkdir()
        with pytest.raises(DatasetError, match=f"{name} is a folder. Give a file in it"):
            preview_file(tmp_path / name)


def test_tabs_may_part_the_cells(tmp_path):
    path = write(tmp_path / "f.tsv", "text\tlabels\nwet, cold; dark\tweather;light\n")
    (row,) = read_rows(path, preview_file(path).mapping)
    assert (row.text, row.labels) == ("wet, cold; dark", ("weather", "light"))


def test_a_cut_gzip_file_is_refused(tmp_path):
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 1000)[:40])
    with pytest.raises(DatasetError, match="is damaged"):
        list(read_rows(path, PLAIN))


@pytest.mark.parametrize("name", ["f.jsonl", "f.jsonl.gz"])
def test_files_over_the_limit_are_refused_packed_or_not(tmp_path, name):
    """A small gzip file that unpacks without end is stopped at the limit; without a limit all is read."""
    path = write(tmp_path / name, '{"text": "a"}\n' * 2000)
    with pytest.raises(DatasetError, match="Split it into smaller files"):
        list(read_rows(path, PLAIN, max_bytes=10_000))
    assert len(list(read_rows(path, PLAIN, max_bytes=math.inf))) == 2000


def test_a_corpus_may_be_larger_than_an_import(tmp_path, monkeypatch):
    """A run folder holds what several imports brought, and a file to evaluate on lies on this machine already."""
    for reader in (preview_file, read_rows):
        monkeypatch.setitem(reader.__kwdefaults__, "max_bytes", 10_000)
    path = write(tmp_path / "f.jsonl", "".join(f'{{"id": "{n}", "text": "a", "fold": "{n}"}}\n' for n in range(2000)))
    assert len(read_corpus(path)) == len(Corpus.read_jsonl(path)) == 2000


def test_a_text_of_a_corpus_may_be_longer_than_one_of_an_import(tmp_path):
    """A model reads the beginning of it."""
    path = write(tmp_path / "f.jsonl", json.dumps({"text": "x" * (MAX_TEXT_CHARACTERS + 1), "split": "dev"}))
    assert {len(example.text) for corpus in (read_corpus(path), read_split(path, "dev")) for example in corpus} == {
        50_001
    }


def test_labels_that_begin_late_in_a_file_are_read(tmp_path):
    """The objects of JSON lines need not all have the same keys, and a reader of the whole file sees them all."""
    lines = ['{"text": "plain"}'] * 700 + ['{"text": "noisy", "labels": ["noise"], "split": "test"}']
    path = write(tmp_path / "f.jsonl", "\n".join(lines))
    assert read_corpus(path).label_counts() == {"noise": 1}
    assert {name: len(corpus) for name, corpus in read_splits(path).items()} == {"unassigned": 700, "test": 1}


def test_documents_are_read_by_the_split_that_a_file_tells(tmp_path):
    """All are taken where it tells none; a split that is told and not there is missed."""
    path = write(tmp_path / "f.csv", "text,split\na,train\nb,test\nc,\nd,train\n")
    assert {name: [example.text for example in corpus] for name, corpus in read_splits(path).items()} == {
        "train": ["a", "d"], "test": ["b"], "unassigned": ["c"],
    }  # fmt: skip
    assert [example.text for example in read_split(path, "train")] == ["a", "d"]
    with pytest.raises(DatasetError, match="no document of the split 'dev', but train, test, unassigned"):
        read_split(path, "dev")
    folds = write(tmp_path / "folds.csv", "text,fold\na,1\nb,2\n")
    assert [example.text for example in read_split(folds, "train")] == ["a", "b"]
    for name, line, found in (
        ("faulty", ",test", "the text is empty"),
        ("typo", "b,tset", "the split 'tset' is none of"),
    ):
        path = write(tmp_path / f"{name}.csv", f"text,split\na,train\n{line}\n")
        with pytest.raises(DatasetError, match=f"line 3: {found}"):
            read_splits(path)


def test_a_label_that_holds_a_comma_does_not_part_labels(tmp_path):
    """Where the labels are known; other cells tell what parts them."""
    known = ["Health, safety", "road"]
    cells = ["Health,  safety", "road", "health, safety"]
    path = write(tmp_path / "f.csv", "text,labels\n" + "".join(f'a,"{cell}"\n' for cell in cells))
    assert preview_file(path).mapping.label_separator == ","
    for corpus in (read_corpus(path, known=known), read_split(path, "test", known=known)):
        assert corpus.label_counts().keys() == {"Health, safety", "road", "health, safety"}
    path = write(tmp_path / "g.csv", 'text,labels\na,"Health, safety"\nb,"road,noise"\n')
    assert preview_file(path, known=known).mapping.label_separator == ","


def test_what_parts_labels_is_guessed_from_the_column_that_is_named(tmp_path):
    """And no text is looked for there."""
    path = write(tmp_path / "f.csv", 'tags,kinds,said\nx;y,"water and parking, noise at night",loud\n')
    mapping = preview_file(path, labels="kinds").mapping
    assert (mapping.text, mapping.labels, mapping.label_separator) == ("said", "kinds", ",")


def test_accents_are_composed_in_labels_and_not_in_texts(tmp_path):
    path = write(tmp_path / "f.tsv", "text\tlabels\ncafe\u0301\tCafe\u0301, bar\n")
    (row,) = read_rows(path, preview_file(path, known=["Caf\u00e9, bar"]).mapping)
    assert (row.text, row.labels) == ("cafe\u0301", ("Caf\u00e9, bar",))


def test_a_missing_column_names_those_there_are(tmp_path):
    path = write(tmp_path / "f.csv", "message,tags\nhello,a\n")
    with pytest.raises(DatasetError, match=r"no column 'text'.*'message', 'tags'"):
        list(read_rows(path, ColumnMapping(text="text")))


def test_a_preview_looks_past_malformed_and_unlabelled_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    unlabelled = [f'{{"text": "message {number}"}}' for number in range(20)]
    path.write_text("\n".join([*["{"] * 7, *unlabelled, '{"text": "the last", "labels": ["a"]}']))
    preview = preview_file(path)
    assert [row["text"] for row in preview.rows] == [f"message {number}" for number in range(5)]
    assert (preview.mapping.text, preview.mapping.labels) == ("text", "labels")


def test_labels_cannot_be_separated_by_nothing():
    with pytest.raises(DatasetError, match="between two labels is empty"):
        ColumnMapping(text="text", label_separator="")


def test_the_mapping_is_guessed_from_names_and_cells(tmp_path):
    path = write(tmp_path / "f.csv", "ID;Message;Tags;Split\n1;hello there;a|b;val\n")
    preview = preview_file(path)
    assert preview.mapping == ColumnMapping("Message", "Tags", "ID", "Split", "|")
    row = next(iter(read_rows(path, preview.mapping)))
    assert row == Row(2, "1", "hello there", ("a", "b"), "dev")


@pytest.mark.parametrize(
    ("cell", "separator", "as_text", "labels"),
    [
        ('"road, water"', ",", True, ("road", "water")),
        ('["road, water", "bins"]', ";", False, ("road, water", "bins")),
        ("null", ";", False, ()),
    ],
)
def test_labels_in_one_text_are_parted_in_json_lines_as_well(tmp_path, cell, separator, as_text, labels):
    """A list needs no separator: its names are taken as they are."""
    path = write(tmp_path / "f.jsonl", f'{{"text": "a hole", "tags": {cell}}}\n')
    preview = preview_file(path)
    assert (preview.mapping.label_separator, preview.labels_as_text) == (separator, as_text)
    assert next(iter(read_rows(path, preview.mapping))).labels == labels


def test_without_a_telling_name_the_longest_column_is_the_text(tmp_path):
    preview = preview_file(write(tmp_path / "f.csv", "a,b\n1,a long text of many words\n"))
    assert (preview.mapping.text, preview.by_length) == ("b", True)
    numbers = write(tmp_path / "g.csv", "a,b\n10000000000,no\n2,12\n")
    assert preview_file(numbers).mapping.text == "b"
    named = preview_file(numbers, text="a")
    assert (named.mapping.text, named.by_length) == ("a", False)


def test_a_file_without_a_column_of_texts_is_refused(tmp_path):
    """Ids and labels are never taken for texts."""
    with pytest.raises(DatasetError, match=r"no column with texts; it has 'id', 'tags'.*'text'"):
        preview_file(write(tmp_path / "f.csv", "id,tags\n1,noise\n"))
    guess = preview_file(write(tmp_path / "g.csv", "id,tags,said\n1,a very long label,hi\n")).mapping
    assert (guess.text, guess.labels, guess.id) == ("said", "tags", "id")


def test_an_unknown_split_is_refused(tmp_path):
    path = write(tmp_path / "f.jsonl", '{"text": "a", "split": "holdout"}')
    [row] = read_rows(path, ColumnMapping(text="text", split="split"))
    assert "'holdout' is none of train, dev, test" in row.reason


def test_a_strict_corpus_refuses_repeated_ids(tmp_path):
    path = write(tmp_path / "f.jsonl", '{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}')
    with pytest.raises(DatasetError, match="line 2: the id '1' occurs twice"):
        read_corpus(path)


def test_a_stray_quotation_mark_swallows_nothing_in_silence(tmp_path):
    """From an open mark on all belongs to one cell: to the next mark, or to the end."""
    mapping = ColumnMapping(text="text", id="id")
    path = write(tmp_path / "f.csv", 'id,text\n1,one\n2,"never closed\n3,three\n4,four\n')
    first, second = read_rows(path, mapping)
    assert first.text == "one"
    assert second.line == 3
    assert "not readable as CSV from here to line 5" in second.reason
    assert "Check the quotation marks" in second.reason
    path = write(tmp_path / "g.csv", 'id,text\n1,"open\n2,two "here" again\n3,three\n4,"said ""so"", he"\n')
    rows = list(read_rows(path, mapping))
    assert [(row.line, row.text) for row in rows if isinstance(row, Row)] == [(4, "three"), (5, 'said "so", he')]
    assert [row.line for row in rows if isinstance(row, Refusal)] == [2]


def test_the_longest_text_that_is_taken(tmp_path):
    """The limit itself is none too many; white space around it does not count."""
    path = write(tmp_path / "f.jsonl", json.dumps({"text": f" {'x' * MAX_TEXT_CHARACTERS}\t"}))
    [row] = read_rows(path, PLAIN)
    assert len(row.text) == MAX_TEXT_CHARACTERS


def test_labels_are_parted_by_the_rarest_mark_that_occurs(tmp_path):
    """A comma may stand in the name of a label, a semicolon hardly."""
    for cells, separator in (("health, safety; road", ";"), ("health, safety|road", "|"), ("road|bins;noise", ";")):
        path = write(tmp_path / "f.csv", f'text,labels\na,"{cells}"\n')
        assert preview_file(path).mapping.label_separator == separator
