"""What is counted from file headers is what a built backbone has, but for what depends on the label set."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.parameters import count_parameters


@pytest.mark.parametrize("kind", ["embedded", "seq2seq", "llama", "mistral", "minilm"])
def test_counts_are_those_of_the_built_backbone(tiny, label_set, kind):
    """Left out: the embeddings and the bias of the decoder's own vocabulary, and the two of the scorer."""
    config = TrainingConfig(backbone=str(tiny.get(kind, kind)), lora_rank=3, decoder_layers=1)
    backbone = build_backbone(config, label_set)
    count = count_parameters(config)
    trained = sum(parameter.numel() for parameter in backbone.trained_parameters().values())
    total = sum(parameter.numel() for parameter in backbone.parameters())
    own = len(backbone.output_ids) if backbone.family == "embedded" else 0
    width = backbone.encoder.word_embeddings.shape[1]
    assert count.trained == trained - 2 - own
    assert count.total == total - 2 - own - own * width


def test_a_hub_name_is_counted_where_its_files_are_cached(tiny, tmp_path, monkeypatch):
    """Presets alike; a download that was cut short counts as not here."""
    cached = tmp_path / "models--google--flan-t5-base"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    shutil.copytree(tiny["seq2seq"], cached / "snapshots" / "abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    expected = count_parameters(TrainingConfig(backbone=str(tiny["seq2seq"])))
    assert expected is not None
    for name in ("flan-t5-base", "google/flan-t5-base"):
        assert count_parameters(TrainingConfig(backbone=name)) == expected
    index = {"weight_map": {"shared.weight": "model-00002-of-00002.safetensors"}}
    (cached / "snapshots" / "abc" / "model.safetensors.index.json").write_text(json.dumps(index))
    assert count_parameters(TrainingConfig(backbone="flan-t5-base")) is None


def test_what_is_not_here_is_not_counted(tmp_path):
    for name in ("flan-t5-base", "someone/some-model", str(tmp_path), str(tmp_path / "model.gguf")):
        assert count_parameters(TrainingConfig(backbone=name)) is None


@pytest.mark.parametrize(
    "names",
    [
        ("embeddings.norm.weight", "layers.0.attn.Wqkv.weight", "layers.0.mlp_norm.weight"),  # ModernBERT
        ("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight", "encoder.final_layer_norm.weight"),  # T5
    ],
)
def test_a_sentence_encoder_that_is_no_bert_is_not_counted(tmp_path, names):
    (tmp_path / "modules.json").write_text("[]")
    save_file({name: torch.zeros(4) for name in names}, tmp_path / "model.safetensors")
    assert count_parameters(TrainingConfig(backbone=str(tmp_path), family="embedded")) is None


def test_counting_imports_no_torch():
    """The Train screen counts before the first run, where torch would cost seconds."""
    code = (
        "import sys; from lagamc.config import TrainingConfig; from lagamc.parameters import count_parameters;"
        "assert count_parameters(TrainingConfig()).trained > 10_000_000; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
