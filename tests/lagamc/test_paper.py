"""Every table runs on tiny sets, prints both sides, keeps its runs, and says what it left out."""

import dataclasses
import json
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from lagamc.baselines import PeerSettings
from lagamc.checkpoint import write_run_folder
from lagamc.cli import main
from lagamc.commands.paper import TABLES
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.datasets import Split, read_data_set
from lagamc.errors import DatasetError
from lagamc.labels import Label, LabelSet
from lagamc.paper import curves, figures
from lagamc.paper.chart import bar_chart
from lagamc.paper.laboratory import Laboratory, Sizes
from lagamc.paper.outcome import Cell, Outcome, Row
from lagamc.paper.tables import (
    ablations,
    descriptions_in_peers,
    label_counts,
    main_comparison,
    matcher_ablation,
    thresholds,
)
from lagamc.unseen import hold_out_labels


@pytest.fixture(scope="module")
def data(tmp_path_factory, corpora):
    """Two sets that can be trained on, one of them without a description for a label, and one without train."""
    folder = tmp_path_factory.mktemp("data")
    labels = {"road": "Holes in the road.", "noise": "A loud noise.", "bins": "Bins were left full."}
    for name, missing in (("caves", ()), ("reuters", ()), ("aapd", ("train",))):
        (folder / name).mkdir()
        for part, corpus in corpora.items():
            if part not in missing:
                corpus.write_jsonl(folder / name / f"{part}.jsonl")
        own = {**labels, "noise": ""} if name == "reuters" else labels
        (folder / name / "labels.json").write_text(json.dumps(own))
    return folder


@pytest.fixture(scope="module")
def laboratory(data, tmp_path_factory, tiny):
    return make_laboratory(data, tmp_path_factory.mktemp("runs"), tiny)


def make_laboratory(data, runs, tiny, **arguments):
    config = TrainingConfig(backbone=str(tiny["embedded"]), epochs=1, learning_rate=2e-3)
    settings = PeerSettings(model=str(tiny["embedded"].with_name("bert-bert")), epochs=1)
    options = {"peers": ("tfidf-svm",), "sizes": Sizes(train=40, dev=20, test=20), "peer_settings": settings}
    return Laboratory(data, runs, config=config, **{**options, **arguments})


@pytest.mark.parametrize("table", TABLES)
def test_the_command_runs_every_table(laboratory, tiny, table, tmp_path, capsys):
    """Text, JSON with seed, configuration, revision and time, and a chart that parses as XML."""
    options = [
        "--data",
        str(laboratory._data),
        "--runs",
        str(laboratory._runs),
        "--out",
        str(tmp_path),
        "--sets",
        "caves,reuters",
    ]
    options += [
        "--backbone",
        str(tiny["embedded"]),
        "--epochs",
        "1",
        "--config",
        '{"learning_rate": 0.002}',
        "--unseen",
        "1",
    ]
    options += ["--peers", "tfidf-svm", "--peer-model", str(tiny["embedded"].with_name("bert-bert"))]
    options += ["--matchers", str(tiny["embedded"]), "--train", "40", "--dev", "20", "--test", "20"]
    assert main(["paper", table, *options]) == 0
    text = capsys.readouterr().out
    assert "teacher forcing" in text
    assert "1 of 3 labels have no description; their name stands in for it" in text
    content = json.loads((tmp_path / f"{table}.json").read_text())
    assert content["seed"] == 13
    assert content["configuration"]["epochs"] == 1
    assert content["revision"]
    assert content["time"]
    if table == "2":
        assert "Task: Multi-label Text Classification" in text
    else:
        assert ET.parse(tmp_path / f"{table}.svg").getroot().tag.endswith("svg")  # noqa: S314  # written here
        assert any(cell["ours"] is not None for row in content["rows"] for cell in row["cells"].values())


def test_a_second_table_trains_nothing_anew(data, tmp_path, tiny):
    said = []
    for _ in range(2):
        own = make_laboratory(data, tmp_path, tiny, say=said.append, chosen=("caves",))
        first = main_comparison(own)
    trained = [line for line in said if line.startswith("training")]
    assert len(trained) == 2  # the model and one peer, in the first round
    assert [line for line in label_counts(own).rows if line.data == "caves"]
    assert [line for line in said if line.startswith("training")] == trained
    systems = {row.system: row.cells["micro_f1"] for row in first.rows}
    assert systems["lagamc, teacher-forced (no counterpart)"].paper is None
    assert systems["LAGAMC"] == Cell(0.9246)
    assert systems["lagamc, free-running"].interval is not None
    assert systems["Renee"] == Cell(0.7946)


class Killed(BaseException):
    """Stands for a SIGKILL."""


def killed(*_, **__):
    raise Killed


def test_a_kill_between_the_files_of_a_run_leaves_none_of_them(data, tmp_path, tiny, monkeypatch):
    """A run that lacks its origin would be trained, and then refused at every call."""
    own = make_laboratory(data, tmp_path, tiny, chosen=("caves",))
    [caves] = own.data_sets()
    monkeypatch.setattr("lagamc.paper.laboratory.train_run", killed)

    def cut_short(*folder, **parts):
        write_run_folder(*folder, **parts)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("lagamc.paper.laboratory.write_run_folder", cut_short)
        with pytest.raises(Killed):
            own.classifier("caves", caves.split)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Killed):
        own.classifier("caves", caves.split)
    [run] = tmp_path.iterdir()
    assert {path.name for path in run.iterdir()} == {
        "config.json", "labels.json", "train.jsonl", "dev.jsonl", "origin.json",
    }  # fmt: skip


def test_a_kill_while_a_peer_is_kept_leaves_no_part_of_it(data, tmp_path, tiny, monkeypatch):
    """What was half written would be read at every later call; as it is, the peer is trained again."""
    own = make_laboratory(data, tmp_path, tiny, chosen=("caves",))
    [caves] = own.data_sets()
    write = Path.write_text

    def torn(path, text, **options):
        write(path, text[: len(text) // 2], **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", torn)
        with pytest.raises(Killed):
            own.peer_predictions("caves", caves.split, "tfidf-svm")
    assert own.peer_predictions("caves", caves.split, "tfidf-svm").shape == (len(caves.split.test), 3)


def test_other_settings_train_another_model(data, tmp_path, tiny):
    own = make_laboratory(data, tmp_path, tiny, chosen=("caves",))
    outcome = ablations(own)
    rows = outcome.rows
    assert any("weighs up to 1 / 0.2 times as much" in note for note in outcome.notes)
    assert [row.system for row in rows] == [
        "Ours", "w/o semantic loss", "w/o semantic loss and description term", "w/o label description",
    ]  # fmt: skip
    assert len(list(tmp_path.glob("caves-seed13-*"))) == 4
    configs = [json.loads(path.read_text()) for path in tmp_path.glob("*/config.json")]
    assert sum(config["lambda_mode"] == "one" for config in configs) == 2
    atomic = [json.loads(path.read_text()) for path in tmp_path.glob("*/labels.json")]
    assert sum(labels == {name: name for name in labels} for labels in atomic) == 1
    assert all((path / "origin.json").exists() for path in tmp_path.glob("caves-*"))


def test_the_paper_sets_batch_size_and_runs_folder_have_their_place(data, tiny, tmp_path, monkeypatch, capsys):
    """`--config` reaches the run, the protocol says so, and without `--runs` all lies in paper-runs."""
    monkeypatch.chdir(tmp_path)
    command = ["paper", "6", "--data", str(data), "--sets", "caves", "--train", "20", "--dev", "10", "--test", "10"]
    command += ["--backbone", str(tiny["embedded"]), "--epochs", "1", "--peer-model", "org/encoder"]
    assert main([*command, "--config", '{"batch_size": 8, "learning_rate": 0.0002}']) == 0
    printed = capsys.readouterr().out
    assert "learning rate 0.0002 (0.001 of adapters and new layers), batch size 8, seed 13;" in printed
    assert "peers' encoder org/encoder" in printed
    content = json.loads((tmp_path / "paper-runs" / "6.json").read_text())
    assert content["configuration"]["batch_size"] == 8
    [(run, made)] = content["made"].items()
    assert (tmp_path / "paper-runs" / run / "model").is_dir()
    (tmp_path / "table.csv").write_text("mine")
    assert main([*command, "--out", "table.csv", "--seed", "14"]) == 1
    said = capsys.readouterr().err
    assert "table.csv is no folder that results can be written to" in said
    assert "training" not in said
    assert set(made) == {"revision", "time"}
    assert content["command"].startswith("lagamc paper 6 --data DIR --sets caves ")
    assert str(data) not in content["command"]
    for wrong, said in (("{", "must be JSON"), ("[]", "JSON object"), ('{"x": 1}', "Unknown settings: x")):
        assert main([*command, "--config", wrong]) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "rows", "row"),
    [
        ("flan-t5-large", figures.OURS_3, "LAGAMC"),
        ("google-t5/t5-base", figures.OURS_3, "T5-Base"),
        ("t5-large", figures.OURS_3, "T5-Large"),
        ("flan-t5-small", figures.OURS_3, None),
        ("minilm", figures.OURS_3, None),
        ("mistral-7b", figures.OURS_4, ("Mistral-7B w/o threshold", "Mistral-7B with threshold")),
        ("meta-llama/Llama-2-7b-hf", figures.OURS_4, ("Llama-2-7B w/o threshold", "Llama-2-7B with threshold")),
        ("llama-3.1-8b", figures.OURS_4, None),
        ("/models/bert-base-uncased/", figures.ENCODERS, "BERT"),
        ("FacebookAI/roberta-base", figures.ENCODERS, "RoBERTa"),
        ("distilbert", figures.ENCODERS, None),
        ("", figures.ENCODERS, None),
    ],
)
def test_a_printed_row_stands_beside_the_same_model_alone(model, rows, row):
    assert figures.counterpart(model, rows) == row
    printed = figures.TABLE_4 if rows is figures.OURS_4 else figures.TABLE_3
    assert all(name in printed for name in (row if isinstance(row, tuple) else (row,)) if name)


def test_the_encoder_decides_which_figure_stands_beside_a_peer(data, tmp_path, tiny):
    """In Tables 3, 4 and 8: figures of a model that is not ours have a row of their own."""
    bert = make_laboratory(data, tmp_path, tiny, chosen=("caves",), peers=("sigmoid",))
    (tmp_path / "small").symlink_to(tiny["embedded"])  # the name decides
    other = make_laboratory(
        data, tmp_path, tiny, chosen=("caves",), peers=("sigmoid",),
        peer_settings=PeerSettings(model=str(tmp_path / "small"), epochs=1),
    )  # fmt: skip
    title = "fine-tuned encoder + sigmoid layer"
    for table in (main_comparison, descriptions_in_peers):
        rows = {row.system: row.cells["micro_f1"] for row in table(bert).rows}
        assert rows[f"BERT; ours {title}"].paper == 0.7036
        assert "BERT" not in rows
        rows = {row.system: row.cells["micro_f1"] for row in table(other).rows}
        assert rows[f"{title} (no counterpart)"].paper is None
        assert rows["BERT"] == Cell(0.7036)
    found = [row for row in thresholds(bert).rows if row.system.startswith("dev at ")]
    assert found[0].system.startswith("dev at 0")
    assert found[-1].system.endswith("0.95")
    figures_of = [(row.cells["micro_f1"].ours, row.cells["macro_f1"].ours) for row in found]
    assert all(one != following for one, following in pairwise(figures_of))  # levels that change nothing share a row
    rows = {row.system: row.cells["micro_f1"] for row in thresholds(bert).rows}
    assert rows["lagamc (no counterpart)"].paper is None
    assert rows["Ours"] == Cell(0.9246)


def test_a_matcher_goes_by_the_papers_name(laboratory, tiny, monkeypatch):
    monkeypatch.setattr(figures, "MATCHER_SOURCES", {"ST5-xxl": str(tiny["embedded"])})
    rows = {row.system: row.cells["macro_f1"] for row in matcher_ablation(laboratory, ("ST5-xxl",)).rows
            if row.data == "caves"}  # fmt: skip
    assert rows["matcher ST5-xxl"].paper == 0.832
    assert rows["matcher ST5-xxl"].ours is not None
    assert "ST5-xxl" not in rows
    assert rows["S-BERT-L12"] == Cell(0.828)


def test_a_set_without_train_is_named_and_left_out(laboratory):
    assert [data.name for data in laboratory.data_sets()] == ["caves", "reuters"]
    assert "aapd is left out: it has no train file." in laboratory.notes


def test_a_set_that_is_not_there_is_refused(data, tmp_path, tiny):
    with pytest.raises(DatasetError, match="no set called mnist; it has aapd, caves, reuters"):
        make_laboratory(data, tmp_path, tiny, chosen=("mnist",))


def test_unseen_labels_lie_on_no_document_that_is_learnt_from(corpora, label_set):
    split = Split(**corpora, label_set=label_set)
    held, [name] = hold_out_labels(split, count=1, seed=3)
    assert not {name} & set(held.train.label_counts() + held.dev.label_counts())
    assert held.test is split.test
    assert len(held.train) == sum(name not in example.labels for example in split.train)
    assert hold_out_labels(split, count=1, seed=3)[1] == (name,)
    with pytest.raises(DatasetError, match="of 3 labels can be held out"):
        hold_out_labels(split, count=3)
    short = dataclasses.replace(split, dev=Corpus([Example("one", "A text.", (name,))]))
    with pytest.raises(DatasetError, match=rf"Every dev document carries one of the labels held out, {name}\."):
        hold_out_labels(short, count=1, seed=3)


def test_a_common_label_that_is_drawn_first_is_drawn_again():
    """Two of six labels lie on a third of train each: whatever is drawn first, the four others are found."""
    carried = ["common"] * 38 + [name for name in ("a", "b", "c", "d") for _ in range(8)] + ["none"] * 30
    corpus = Corpus(Example(str(number), f"Text {number}.", (name,)) for number, name in enumerate(carried))
    label_set = LabelSet(Label(name, f"It is {name}.") for name in sorted(set(carried)))
    split = Split(corpus, corpus, corpus, label_set)
    for seed in range(10):
        held, chosen = hold_out_labels(split, count=4, seed=seed)
        assert len(held.train) >= 60
        assert set(chosen) == set("abcd")


def test_a_target_of_several_descriptions_reads_as_in_table_2(laboratory):
    """Each ends in one full stop, with a space before the next."""
    shown = "caves, target: Holes in the road. A loud noise."
    assert shown in curves.prompts(laboratory).notes


def test_the_unified_model_stands_beside_models_of_whole_sets(laboratory):
    """As in section 8.4, whose average is that of Table 3: only the one model learns from samples."""
    outcome = curves.unified(laboratory)
    assert outcome.title.startswith("One model for at most 500 train, ")
    own = [row.system for row in outcome.rows if row.data in ("caves", "reuters", "mean of 2 (paper: 5)")]
    assert len(own) == 3
    assert set(own) == {"a model of its own, on all documents"}


def test_no_set_makes_no_unified_one(data, tmp_path, tiny):
    """The outcome says which sets are left out, as every table does."""
    outcome = curves.unified(make_laboratory(data, tmp_path, tiny, chosen=("aapd",)))
    assert (list(outcome.rows), outcome.notes) == ([], ("aapd is left out: it has no train file.",))


def test_the_unified_set_keeps_sets_apart(data):
    """Label names carry their set; equal descriptions are told apart; ids stay unique."""
    sets = [read_data_set(data / name) for name in ("caves", "reuters")]
    mixed = curves.unified_split(sets, seed=1)
    assert len(mixed.label_set) == 6
    assert mixed.label_set.to_mapping()["caves: road"] == "Holes in the road."
    assert mixed.label_set.to_mapping()["reuters: road"] == "reuters: road: Holes in the road."
    assert len({example.id for example in mixed.train}) == len(mixed.train) == 240
    assert all(label.startswith(example.id.split("/")[0]) for example in mixed.test for label in example.labels)


def test_hostile_names_stay_text_in_the_chart():
    row = Row("<script>", "a & b", {"micro_f1": Cell(0.5, None), "n": Cell(3, 4)})
    text = bar_chart(Outcome("t", "</svg><b>", "ours", [row]))
    assert "<script>" not in text
    assert len(ET.fromstring(text).findall("{*}rect")) == 1 + 2 + 3  # noqa: S314  # written here


def test_all_sets_are_read_before_anything_is_trained(data, tmp_path, tiny):
    """What is wrong with the last one is said first, and with its name."""
    (data / "reuters" / "test.jsonl").write_text("")
    said: list[str] = []
    laboratory = make_laboratory(data, tmp_path, tiny, say=said.append)
    with pytest.raises(DatasetError, match=r"reuters: test\.jsonl is empty"):
        main_comparison(laboratory)
    assert said == []
