"""lagamc describe: checks, scaffolds, Wikipedia and a chat model on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_models import build_tiny_embedded

from lagamc.cli import main

LABELS = {"noise": "Loud music at night.", "bins": "Bins.", "din": "Loud music by night."}
DOCUMENTS = [{"text": f"loud noise {n}", "labels": ["noise"]} for n in range(3)]
DOCUMENTS += [{"text": f"waste bins are full {n}. Again.", "labels": ["bins"]} for n in range(3)]


@pytest.fixture
def files(tmp_path):
    """Label file, document file and the option that names a tiny encoder."""
    labels, documents = tmp_path / "labels.json", tmp_path / "documents.jsonl"
    labels.write_text(json.dumps(LABELS))
    documents.write_text("\n".join(map(json.dumps, DOCUMENTS)))
    encoder = build_tiny_embedded(tmp_path / "tiny", texts=LABELS.values())
    return str(labels), str(documents), ["--encoder", str(encoder)]


def test_check_lists_findings_and_rivals(files, capsys):
    labels, documents, encoder = files
    assert main(["describe", "check", labels, "--documents", documents, "--json", *encoder]) == 0
    rows = {row["label"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(rows) == list(LABELS)
    assert rows["noise"]["rival"]["name"] == "din"
    assert [finding["code"] for finding in rows["bins"]["findings"]] == ["short"]
    assert main(["describe", "check", labels, *encoder]) == 0
    assert "bins  (nearest: " in capsys.readouterr().out


def test_scaffold_writes_a_draft_a_label(files, capsys):
    labels, documents, encoder = files
    assert main(["describe", "scaffold", labels, documents, *encoder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == list(LABELS)
    assert "Scaffold from the data: bins. Typical words are" in lines[1]


def test_a_label_that_no_document_carries_is_named(files, capsys):
    """Its prompt would go out without an example, for a capital letter."""
    labels, documents, encoder = files
    Path(labels).write_text(json.dumps({"Noise": LABELS["noise"], "bins": LABELS["bins"]}))
    assert main(["describe", "scaffold", labels, documents, *encoder]) == 0
    said = capsys.readouterr().err
    assert "no document of documents.jsonl carries Noise; its documents carry bins, noise. Names count letter" in said


def test_drafts_are_not_made_from_test_documents(files, capsys):
    labels, documents, encoder = files
    secret = [{"text": f"Sirens howl outside the depot {n}.", "labels": ["noise"], "split": "test"} for n in range(9)]
    learnt = [{**row, "split": "train"} for row in DOCUMENTS]
    Path(documents).write_text("\n".join(map(json.dumps, learnt + secret)))
    assert main(["describe", "scaffold", labels, documents, *encoder]) == 0
    assert "irens" not in capsys.readouterr().out
    asked = ["--model", "m", "--dataset", "Messages.", "--dry-run", "--json"]
    assert main(["describe", "refine", labels, documents, *encoder, *asked]) == 0
    printed = capsys.readouterr().out
    assert "irens" not in printed
    assert [json.loads(line)["label"] for line in printed.splitlines()] == list(LABELS)
    Path(documents).write_text("\n".join(map(json.dumps, secret)))
    assert main(["describe", "scaffold", labels, documents, *encoder]) == 1
    assert "All documents of documents.jsonl are test documents" in capsys.readouterr().err


def test_columns_are_named_where_the_guess_is_wrong(files, capsys):
    labels, documents, encoder = files
    rows = [{"body": row["text"], "text": "re:", "kind": "/".join(row["labels"])} for row in DOCUMENTS]
    Path(documents).write_text("\n".join(map(json.dumps, rows)))
    assert main(["describe", "scaffold", labels, documents, *encoder]) == 1
    assert "--labels-column NAME" in capsys.readouterr().err
    named = ["--text-column", "body", "--labels-column", "kind", "--label-separator", "/"]
    assert main(["describe", "scaffold", labels, documents, *encoder, *named]) == 0
    printed = capsys.readouterr()
    assert "bins. Typical words are" in printed.out
    assert "texts from the column 'body', labels from 'kind'" in printed.err


def test_labels_need_no_description_to_be_checked_or_drafted(files, capsys):
    """Nor different ones, which the check says."""
    labels, documents, encoder = files
    Path(labels).write_text(json.dumps({"noise": "", "bins": "Bins that are full.", "rubbish": "Bins that are full."}))
    assert main(["describe", "check", labels, "--json", *encoder]) == 1
    printed = capsys.readouterr()
    assert "3 of 3 descriptions hold an error" in printed.err
    rows = {row["label"]: row for row in map(json.loads, printed.out.splitlines())}
    assert [finding["code"] for finding in rows["noise"]["findings"]] == ["empty"]
    assert rows["noise"]["rival"] is None
    assert rows["bins"]["rival"]["name"] == "rubbish"
    assert "duplicate" in [finding["code"] for finding in rows["rubbish"]["findings"]]
    assert main(["describe", "scaffold", labels, documents, *encoder]) == 0
    assert "noise\tScaffold from the data: noise." in capsys.readouterr().out
    asked = ["--model", "m", "--dataset", "Messages.", "--dry-run", "--only"]
    assert main(["describe", "refine", labels, documents, *encoder, *asked, "noise"]) == 0
    assert "Label: noise\nInitial Description:" in capsys.readouterr().out
    assert main(["describe", "refine", labels, documents, *encoder, *asked, "nose"]) == 1
    assert "labels.json has no label 'nose'. It has noise, bins, rubbish." in capsys.readouterr().err


def test_labels_are_asked_for_as_they_look(files, capsys):
    """Accents that are composed or not (macOS takes them apart), and spaces around, make no difference."""
    _, documents, encoder = files
    labels = Path(documents).with_name("labels.json")
    labels.write_text(json.dumps({"Caf\u00e9": "Places to eat.", "noise": "Loud music."}))
    asked = ["--model", "m", "--dataset", "Messages.", "--dry-run", "--json", "--only", "Cafe\u0301", "noise ", "noise"]
    assert main(["describe", "refine", str(labels), documents, *encoder, *asked]) == 0
    assert [json.loads(line)["label"] for line in capsys.readouterr().out.splitlines()] == ["Caf\u00e9", "noise"]


@pytest.mark.parametrize("name", ["nope", "folder/nope"])
def test_an_encoder_is_a_folder(files, capsys, name):
    """A mistyped one is not looked for on the hub."""
    labels, _, _ = files
    assert main(["describe", "check", labels, "--encoder", name]) == 1
    assert f"--encoder {name}: there is no such folder." in capsys.readouterr().err


def test_wikipedia_lists_candidates_and_drafts_an_article(httpserver, monkeypatch, capsys):
    page = {"title": "Noise", "extract": "Noise is sound.", "fullurl": "https://en.wikipedia.org/wiki/Noise"}
    httpserver.expect_request("/api").respond_with_json(
        {"query": {"search": [{"title": "Noise"}], "pages": {"1": {**page, "lastrevid": 7}}}}
    )
    monkeypatch.setenv("LAGAMC_WIKIPEDIA_URL", httpserver.url_for("/api"))
    contact = ["--contact", "ada@example.org"]
    assert main(["describe", "wikipedia", "noise", *contact]) == 0
    assert capsys.readouterr().out == "Noise\tNoise is sound.\n"
    assert main(["describe", "wikipedia", "Noise", "--article", "--json", *contact]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["revision"] == 7
    assert "CC BY-SA" in printed.err
    assert main(["describe", "wikipedia", "noise", "--contact", ""]) == 1
    assert "Wikipedia asks who calls" in capsys.readouterr().err


def test_refine_sends_what_a_dry_run_shows(files, httpserver, monkeypatch, capsys):
    """The labels that failed are named, and the exit code says so."""
    labels, documents, encoder = files
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    call = ["describe", "refine", labels, documents, *encoder, "--model", "m", "--dataset", "Messages to a council."]
    call += ["--base-url", httpserver.url_for("/v1"), "--only", "noise", "bins", "--answer-tokens", "900"]
    assert main([*call, "--dry-run"]) == 0
    prompts = capsys.readouterr().out
    assert "Dataset: Messages to a council." in prompts
    message = {"role": "assistant", "content": "Noise that keeps people awake."}
    completion = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "model": "m"}
    httpserver.expect_ordered_request("/v1/chat/completions").respond_with_json(completion)
    httpserver.expect_ordered_request("/v1/chat/completions").respond_with_data("", 400)
    assert main(call) == 1
    printed = capsys.readouterr()
    assert printed.out == "noise\tNoise that keeps people awake.\n"
    assert "1 of 2 labels got no draft" in printed.err
    assert "sk-secret" not in printed.err
    assert "lagamc: at most " in printed.err  # this server counts no tokens
    assert main([*call, "--cap-tokens", "900"]) == 1  # too few for the first answer
    assert "2 of 2 labels got no draft" in capsys.readouterr().err
    sent = json.loads(httpserver.log[0][0].data)
    assert prompts.startswith(sent["messages"][0]["content"])
    assert sent["max_tokens"] == 900
