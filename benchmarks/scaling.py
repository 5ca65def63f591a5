"""What longer descriptions and more labels cost in generation.

    python benchmarks/scaling.py MODEL_FOLDER

Longer descriptions: tiny models of the embedded family are taught descriptions of 10 to 300 tokens in seconds; decoder
passes a document are counted at batch sizes 1 and 32, and every token is compared with transformers' greedy `generate`.
More labels: a trained model of the embedded family is given generated descriptions until it knows 10 (or its own), 100,
1,000 and 10,000 labels, and classifies the demo project's test documents; the four take turns. Writes
docs/results/scaling.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accuracy import demo_corpora
from commandline import origin, write_results
from decoding import BATCH_SIZES, greedy, seconds
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import BertConfig, BertModel, BertTokenizerFast

from lagamc.backbone import Backbone
from lagamc.backbones import build_backbone, load_backbone
from lagamc.batches import Batches
from lagamc.checkpoint import verify_model_folder
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Example
from lagamc.embedded import EmbeddedBackbone
from lagamc.generation import generate
from lagamc.labels import Label, LabelSet
from lagamc.losses import IGNORED

LENGTHS = (10, 30, 100, 300)
LABELS = (10, 100, 1_000, 10_000)
TAUGHT_LABELS, STEPS, BATCH, DOCUMENTS, SEED = 8, 2_000, 16, 16, 13
FLUENT = 0.05  # cross-entropy of a whole target at which a description is known by heart
VOCABULARY = {"bert.embeddings.word_embeddings.weight", "cls.predictions.bias"}  # weights with a row a token
UNLIKELY = -40.0  # output bias of a token that no description had in training; e^-100 has no normal float32
FIRST_WORD = 1_996  # BERT's word pieces are sorted by frequency from here on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the model folder that a run of the embedded family wrote")
    parser.add_argument("--documents", type=int, default=64, help="read by the models of more labels")
    parser.add_argument("--repeats", type=int, default=5, help="at least 5 are made")
    options = parser.parse_args()
    report = {
        **origin("torch", "transformers", threads=torch.get_num_threads()),
        "lengths": [passes(tokens) for tokens in LENGTHS],
        "documents": options.documents,
        "labels": speeds(options.model, options.documents, max(5, options.repeats)),
    }
    write_results("scaling", report)
    show(report)


def passes(tokens: int) -> dict[str, Any]:
    """Decoder passes a document where every description has this many tokens, batches of 1 and 32 documents."""
    backbone, texts, descriptions = taught(tokens)
    row: dict[str, Any] = {"tokens": tokens}
    for name, batch_size in zip(("passes", "passes_batched"), BATCH_SIZES, strict=True):
        options = {"max_new_tokens": tokens + 8, "batch_size": batch_size}
        written = generate(backbone, texts, descriptions, **options)
        for text, new, old in zip(texts, written, greedy(backbone, texts, descriptions, **options), strict=True):
            if list(new.slots) != old:
                raise SystemExit(f"The outputs differ for {text!r} with {options}:\n{new.slots}\n{old}")
        row[name] = round(statistics.mean(document.passes for document in written), 2)
    row["tokens_written"] = round(statistics.mean(len(document.slots) for document in written), 1)
    return row


def taught(tokens: int) -> tuple[Backbone, list[str], Tensor]:
    """A tiny model that knows its descriptions by heart, documents it was not taught on, and embeddings (L, D)."""
    ring = [f"word{number}" for number in range(max(LENGTHS) + TAUGHT_LABELS)]  # a token each
    names = [f"topic{number}" for number in range(TAUGHT_LABELS)]
    label_set = LabelSet(Label(name, " ".join(ring[at : at + tokens])) for at, name in enumerate(names))
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_encoder(Path(scratch), [*names, *ring])
        backbone = build_backbone(TrainingConfig(backbone=str(folder), device="cpu", seed=SEED), label_set)
    chooser = random.Random(SEED)
    lessons = [document(number, names, ring, chooser) for number in range(STEPS * BATCH)]
    batches = Batches(backbone, lessons, label_set, batch_size=BATCH, seed=SEED)
    backbone.train()
    learning = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=3e-3, fused=True)
    descriptions = backbone.encoder.encode(label_set.descriptions).clone()  # stay what the decoder learns from
    for step, batch in enumerate(itertools.islice(batches.epoch(0), STEPS), start=1):
        states = backbone.read(batch.input_ids, batch.attention_mask)
        states, mask, _, log_odds = backbone.recall(states, batch.attention_mask, batch.texts, descriptions)
        logits = backbone.write(states, mask, batch.decoder_ids)
        said = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED, reduction="sum")
        carried = F.binary_cross_entropy_with_logits(log_odds, batch.carried.float(), reduction="sum")
        optimizer.zero_grad(set_to_none=True)
        ((said + carried) / BATCH).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"{tokens} tokens, step {step}: cross-entropy {said.item() / BATCH:.3f}", file=sys.stderr)
        if said.item() / BATCH < FLUENT:
            break
    texts = [document(number, names, ring, chooser).text for number in range(DOCUMENTS)]
    return backbone.eval(), texts, descriptions


def document(number: int, names: list[str], ring: list[str], chooser: random.Random) -> Example:
    """The name of its label among words of any description."""
    name = chooser.choice(names)
    words = [name, *chooser.choices(ring, k=6)]
    chooser.shuffle(words)
    return Example(str(number), " ".join(words), (name,))


def random_encoder(folder: Path, words: list[str]) -> Path:
    """A sentence transformer of 2 layers of width 32 with random weights, to which each of these words is a token."""
    special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: number for number, token in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    torch.manual_seed(SEED)
    bert = BertModel(
        BertConfig(
            vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, hidden_dropout_prob=0.0,
        )
    )  # fmt: skip
    torch.nn.init.normal_(bert.embeddings.word_embeddings.weight, std=0.5)  # stay frozen: must tell words apart
    bert.save_pretrained(folder / "bert")
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert")), Pooling(32, "mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "encoder"), create_model_card=False)
    return folder / "encoder"


def speeds(folder: Path, documents: int, repeats: int) -> list[dict[str, Any]]:
    """Documents a second of one model at each number of labels."""
    manifest, own = verify_model_folder(folder)
    config = dataclasses.replace(TrainingConfig.from_dict(manifest.config), device="cpu")
    backbone = load_backbone(folder, config, own).eval()
    if not isinstance(backbone, EmbeddedBackbone):
        raise SystemExit(f"More labels need a model of the embedded family; {folder} is {backbone.family}.")
    texts = [example.text for example in demo_corpora()["test"]][:documents]
    options = {"max_new_tokens": manifest.max_new_tokens, "batch_size": BATCH_SIZES[-1]}
    sets = [more_labels(own, count, backbone.tokenizer) for count in LABELS]
    models = [enlarged(backbone, label_set) for label_set in sets]
    sides, rows = [], []
    for label_set, grown in zip(sets, models, strict=True):
        sides.append(Classifier(grown, label_set, max_new_tokens=manifest.max_new_tokens))
        written = generate(grown, texts, grown.encoder.encode(label_set.descriptions), **options)
        rows.append(
            {
                "labels": len(label_set),
                "batch_size": BATCH_SIZES[-1],
                "vocabulary": len(grown.output_ids),
                "passes": round(statistics.mean(document.passes for document in written), 2),
                "tokens_written": round(statistics.mean(len(document.slots) for document in written), 1),
                "repeats": repeats,
            }
        )
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(repeats):  # in turns, so that a busy machine slows all
        for own_times, side in zip(times, sides, strict=True):
            own_times.append(seconds(lambda side=side: side.classify(texts, batch_size=BATCH_SIZES[-1])))
    for row, own_times in zip(rows, times, strict=True):
        row["documents_per_second"] = round(len(texts) / statistics.median(own_times), 1)
        row["of_the_fewest"] = round(
            statistics.median(few / many for few, many in zip(times[0], own_times, strict=True)), 2
        )
    return rows


@torch.no_grad()
def enlarged(backbone: EmbeddedBackbone, label_set: LabelSet) -> EmbeddedBackbone:
    """The same weights over more output tokens; those that the model was not trained on are unlikely everywhere."""
    grown = EmbeddedBackbone(
        encoder=backbone.encoder, decoder=None, label_set=label_set, config=backbone.config
    )  # its word embeddings are the encoder's, as those of the trained decoder are
    grown.scorer = backbone.scorer
    old, new = backbone.generator.decoder, grown.generator.decoder
    own = {name: weight for name, weight in old.named_parameters() if name not in VOCABULARY}
    new.load_state_dict(own, strict=False)
    places = {token: place for place, token in enumerate(grown.output_ids)}
    new.cls.predictions.bias.fill_(UNLIKELY)
    new.cls.predictions.bias[[places[token] for token in backbone.output_ids]] = old.cls.predictions.bias
    return grown.eval()


def more_labels(own: LabelSet, count: int, tokenizer: Any) -> LabelSet:
    """The model's own labels and generated ones, whose words are as frequent as those of English."""
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    words = [piece for piece, rank in pieces if rank >= FIRST_WORD and piece.isascii() and piece.isalpha()]
    likelihood = [1 / (rank + 1) for rank in range(len(words))]
    chooser = random.Random(SEED)
    descriptions = dict.fromkeys(own.descriptions)
    while len(descriptions) < count:
        a, b, c, d = chooser.choices(words, likelihood, k=4)
        descriptions[f"The message is about {a} and {b}, or somebody asks for {c} with {d}."] = None
    names = [*own.names, *(f"label {number}" for number in range(count - len(own)))]
    return LabelSet(Label(name, text) for name, text in zip(names, descriptions, strict=True))


def show(report: dict[str, Any]) -> None:
    print(f"\n{report['documents']} documents; {report['machine']}; {report['versions']}")
    for part in ("lengths", "labels"):
        print("", "  ".join(f"{name:>20}" for name in report[part][0]), sep="\n")
        for row in report[part]:
            print("  ".join(f"{value!s:>20}" for value in row.values()))


if __name__ == "__main__":
    main()
