from __future__ import annotations

import json

from app.services.spreadsheet import write_csv
from lagamc.readers import preview_file, read_rows

SENTENCE = {
    "sentence": "=1", "label": "a", "cosine": 0.5, "abstained": False, "zero_shot": False, "log_probability": -0.1,
    "probability": 0.5, "retired": False,
}  # fmt: skip


def test_the_evidence_says_why_a_label_is_not_given(tmp_path):
    changes = {"retired": {"retired": True}, "added": {"zero_shot": True}, "abstained": {"abstained": True}}
    records = [
        {"line": line, "id": "1", "text": "a", "labels": [], "sentences": [{**SENTENCE, **change}]}
        for line, change in enumerate(changes.values())
    ]
    classified, file = tmp_path / "classified.jsonl", tmp_path / "classified.csv"
    classified.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    write_csv(classified, file)
    said = file.read_text(encoding="utf-8-sig")
    for remark in ("(retired, a 0.500)", "(added after training, a 0.500)", "(abstained, nearest a 0.500)"):
        assert remark in said


def test_what_is_downloaded_comes_back_by_an_import(tmp_path):
    """No cell is a formula, and every id, text and label is read as it was classified."""
    texts = ["@council my bin was missed", "'=1 is no formula", "'tis loud", "-5 degrees", "a plain one"]
    classified, file = tmp_path / "classified.jsonl", tmp_path / "classified.csv"
    records = [
        {"line": line, "id": f"-{line}", "text": text, "labels": ["+ more", "b"], "sentences": [SENTENCE]}
        for line, text in enumerate(texts, start=2)
    ]
    classified.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    write_csv(classified, file)
    assert ",'@council my bin was missed,'+ more; b,'=1 (a 0.500)" in file.read_text(encoding="utf-8-sig")
    rows = list(read_rows(file, preview_file(file).mapping))
    assert [(row.id, row.text, row.labels) for row in rows] == [
        (record["id"], record["text"], ("+ more", "b")) for record in records
    ]


def test_a_label_that_holds_the_separator_comes_back_where_it_is_known(tmp_path):
    """Beside others, in another spelling too; elsewhere its parts are names, as in any file."""
    labels = ["noise", "Health; safety", "a;b;c", "bins"]
    classified, file = tmp_path / "classified.jsonl", tmp_path / "classified.csv"
    record = {"line": 2, "id": "1", "text": "t", "labels": labels, "sentences": []}
    classified.write_text(json.dumps(record))
    write_csv(classified, file)
    known = ["noise", "health;  SAFETY", "a;b;c", "bins", "Health; bins"]
    mapping = preview_file(file, known=known).mapping
    [row] = read_rows(file, mapping, known=known)
    assert row.labels == tuple(labels)
    [row] = read_rows(file, mapping)
    assert row.labels == ("noise", "Health", "safety", "a", "b", "c", "bins")
