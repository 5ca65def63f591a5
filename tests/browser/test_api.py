"""The five endpoints as a program uses them through gradio_client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from serving import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

DEMO = "City council (demo)"
ENDPOINTS = {"/classify", "/import", "/start_training", "/run_status", "/save_correction"}
TRAINING_SECONDS = 200


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a workbench with the demo project."""
    with served(tmp_path_factory.mktemp("api") / "data", "--demo") as address:
        yield Client(address, verbose=False)


def test_only_the_five_endpoints_are_offered(client: Client) -> None:
    """The wiring of the page is no API."""
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == ENDPOINTS


def test_a_text_is_classified_with_its_evidence(client: Client) -> None:
    """Before anything is trained the encoder answers, and says so; a threshold decides."""
    answer = client.predict(DEMO, "The street lamp is broken.", api_name="/classify")
    assert "street lighting" in answer["labels"]
    assert not answer["trained"]
    assert {"sentence", "label", "cosine", "runner_up", "margin", "abstained"} <= answer["sentences"][0].keys()
    assert answer["neighbours"] == []
    strict = client.predict(DEMO, "The street lamp is broken.", threshold=1.0, api_name="/classify")
    assert strict["labels"] == []


def test_a_file_is_imported_once_and_its_documents_can_be_corrected(client: Client, tmp_path: Path) -> None:
    """Bad lines are reported with their numbers; a correction names a document by its own id."""
    file = tmp_path / "more.jsonl"
    rows = [{"id": "api-1", "text": "The swings in the park squeak."}, {"id": "api-2", "text": ""}]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = client.predict(DEMO, handle_file(file), "Ada", api_name="/import")
    assert (report["taken"], report["duplicates"]) == (1, 0)
    assert [refusal["line"] for refusal in report["refused"]] == [2]
    again = client.predict(DEMO, handle_file(file), "Ada", mapping={"text": "text", "id": "id"}, api_name="/import")
    assert (again["taken"], again["duplicates"]) == (0, 1)
    saved = client.predict(DEMO, "api-1", ["praise", "water"], "Ada", api_name="/save_correction")
    assert (saved["action"], saved["author"]) == ("corrected", "Ada")
    assert datetime.fromisoformat(saved["saved_at"]).tzinfo is not None


def test_a_run_is_started_and_followed(client: Client, tiny_backbone: Path) -> None:
    """`start_training` returns an id, `run_status` its state, to the end; then training documents have a say."""
    config = {"backbone": str(tiny_backbone), "epochs": 1}
    run_id = client.predict(DEMO, "Ada", config=config, api_name="/start_training")
    deadline = time.monotonic() + TRAINING_SECONDS
    while (state := client.predict(run_id, api_name="/run_status"))["status"] in {"queued", "running"}:
        assert time.monotonic() < deadline, state
        time.sleep(1)
    assert (state["status"], state["model_number"], state["error"]) == ("completed", 1, None)
    near = client.predict(DEMO, "The street lamp is broken.", api_name="/classify")["neighbours"]
    assert [sorted(document) for document in near] == [["cosine", "id", "labels"]] * 5


@pytest.mark.parametrize(
    ("arguments", "endpoint", "message"),
    [
        (["Nowhere", "text"], "/classify", "no project 'Nowhere'"),
        ([DEMO, " "], "/classify", "no text"),
        ([DEMO, "x" * 100_000], "/classify", "100,000 characters; at most 50,000"),
        ([DEMO, "text", 2], "/classify", "must lie between -1 and 1, got 2"),
        ([DEMO, {"path": "/etc/passwd"}, "Ada"], "/import", "not uploaded"),
        ([DEMO, "/etc/passwd", "Ada"], "/import", r"not uploaded\. Pass it as gradio_client\.handle_file"),
        ([DEMO, "Ada", {"epoch": 3}], "/start_training", "Unknown settings: epoch"),
        ([DEMO, "Ada", {"epochs": 0}], "/start_training", "epochs must lie between 1 and 1000, got 0"),
        ([4711], "/run_status", "no run 4711"),
        ([DEMO, "hc-001", ["trees"], "Ada"], "/save_correction", "no label 'trees' in use. Add or restore it"),
        ([DEMO, "no such id", [], "Ada"], "/save_correction", "no such id"),
        ([DEMO, "hc-001", "noise", "Ada"], "/save_correction", "labels: Input should be a valid list, got 'noise'"),
        ([DEMO, "hc-001", ["noise", 1], "Ada"], "/save_correction", "labels: Input should be a valid string, got 1"),
        ([DEMO, None], "/classify", "text: Input should be a valid string, got None"),
        ([DEMO, "text", "0.5"], "/classify", "threshold: Input should be a valid number, got '0.5'"),
    ],
)
def test_a_mistake_is_answered_with_what_was_found(
    client: Client, arguments: list[object], endpoint: str, message: str
) -> None:
    """The text reaches the client as it is, not escaped for a page."""
    with pytest.raises(AppError, match=message):
        client.predict(*arguments, api_name=endpoint)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("latin.csv", b"id,text\n1,caf\xe9\n", "not UTF-8"),
        ("sheet.xlsx", b"PK", "not a type that can be read"),
        ("columns.csv", b"id,labels\n1,noise\n", "no column with texts"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    client: Client, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """The message names the file."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(AppError, match=f"{name} .*{message}"):
        client.predict(DEMO, handle_file(file), "Ada", api_name="/import")


@pytest.mark.parametrize(
    ("name", "content"), [("more.csv", "id,text\n1,hello\n"), ("more.jsonl", '{"id": "1", "text": "hello"}')]
)
@pytest.mark.parametrize("mapping", [{"text": "body"}, {"text": "text", "labels": "body"}])
def test_a_mapped_column_must_be_there(
    client: Client, tmp_path: Path, name: str, content: str, mapping: dict[str, str]
) -> None:
    """The message names the columns that there are; labels are not dropped because their column is mistyped."""
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(AppError, match="no column 'body'; it has 'id', 'text'"):
        client.predict(DEMO, handle_file(file), "Ada", mapping=mapping, api_name="/import")
