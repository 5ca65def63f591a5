"""A model of T5-Base's shape with random weights, taught to write the descriptions of what a document names.

No hub is needed: a token is a word of the descriptions. Training is plain cross-entropy for some hundred steps in the
last layers of the decoder; the layers before them compute as much as those of T5-Base and add nothing. The sentence
encoder learns the description term beside it, all in float32: a model taught in bfloat16 is another one on each
processor. The model has to write descriptions and to know which labels are probable, which is all that a benchmark of
decoding needs of it.
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
import tempfile
from collections import deque
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_model, save_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from lagamc.backbone import Backbone
from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.config import TrainingConfig
from lagamc.corpus import Example
from lagamc.labels import LabelSet
from lagamc.losses import IGNORED, description_loss

__all__ = ["DESCRIPTIONS", "taught"]

# No word stands in two of them, so that descriptions are learnt by heart in minutes.
LABELS = {
    "roads": "potholes kerbs asphalt pavements manholes gravel bollards markings cracks "
    "tarmac verges gutters subsidence junctions",
    "waste": "bins recycling rubbish skips landfill bags glass cardboard compost "
    "collections fly-tipping bottles tins crates",
    "noise": "loud parties drums barking alarms amplifiers shouting engines horns "
    "midnight neighbours bass sirens drilling",
    "parks": "playgrounds swings lawns benches pitches ponds hedges picnic flowers "
    "dogs slides fountains pavilions bandstand",
    "water": "pipes leaks flooding drains sewage taps pressure meters burst hydrants pumps reservoirs wells mains",
    "lighting": "lamps bulbs dark posts flickering dusk poles brightness torches wiring fuses glare beams sensors",
    "transport": "buses trams timetables fares drivers tickets routes delays platforms "
    "passengers trains depots shelters cyclists",
    "housing": "tenants rent landlords mould heating repairs evictions flats leases "
    "damp boilers bedrooms deposits roofs",
    "schools": "pupils teachers classrooms lessons uniforms exams headmasters meals homework "
    "terms libraries admissions nurseries caretakers",
    "taxes": "bills bands payments rebates invoices arrears discounts instalments refunds "
    "accounts debits assessments surcharges exemptions",
    "health": "nurses vaccines clinics doctors ambulances hospitals prescriptions wards dentists "
    "illness surgeons allergies pharmacies carers",
    "planning": "permits extensions architects builders blueprints objections zoning scaffolding heritage "
    "facades storeys demolition surveyors boundaries",
}
DESCRIPTIONS = tuple(LABELS.values())
STEPS, BATCH, SEED = 900, 4, 13
RATE, TERM_RATE = 1e-3, 1e-4
LEARNING = 2  # of the decoder's layers, the last ones; what the others would add starts and stays at zero
FLUENT = 0.1  # mean cross-entropy of a token at which descriptions are known by heart


def taught(kept: Path) -> tuple[Backbone, list[str]]:
    """The backbone, float32 and in evaluation mode, and 256 documents that it was not taught on.

    Args:
        kept: file of the taught weights; written where there is none.
    """
    label_set = LabelSet.from_mapping(LABELS)
    with tempfile.TemporaryDirectory() as scratch:
        config = TrainingConfig(
            backbone=str(_random_model(Path(scratch))), device="cpu", instruction="", task_description=""
        )
        backbone = build_backbone(config, label_set)
    chooser = random.Random(SEED)
    lessons = [_document(number, chooser) for number in range(STEPS * BATCH)]
    if kept.exists():
        load_model(backbone, kept)
    else:
        _teach(backbone, Batches(backbone, lessons, label_set, batch_size=BATCH, seed=SEED))
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_model(backbone, str(kept))
    return backbone.eval(), [_document(number, chooser).text for number in range(256)]


def _teach(backbone: Backbone, batches: Batches) -> None:
    """Make the last layers learn. Raises SystemExit where descriptions are not learnt."""
    generator = backbone.generator.requires_grad_(False)
    model = generator.get_base_model()
    for block in (*model.encoder.block, *model.decoder.block[:-LEARNING]):
        for name, weight in block.named_parameters():
            if name.endswith((".o.weight", ".wo.weight")):
                weight.data.zero_()
    positions = model.decoder.block[0].layer[0].SelfAttention.relative_attention_bias  # of all layers
    learning = *model.decoder.block[-LEARNING:], model.decoder.final_layer_norm, positions
    learners = [parameter for part in learning for parameter in part.parameters()]
    for parameter in learners:
        parameter.requires_grad_(True)
    term = [parameter for part in (backbone.encoder, backbone.scorer) for parameter in part.parameters()]
    groups = [{"params": learners, "peak": RATE}, {"params": term, "peak": TERM_RATE}]
    optimizer = torch.optim.AdamW(groups, fused=True)
    descriptions = backbone.encoder.tokenize(DESCRIPTIONS)
    recent: deque[float] = deque(maxlen=10)
    for step, batch in enumerate(itertools.islice(batches.epoch(0), STEPS), start=1):
        states, mask, _, log_odds = backbone.recall(
            backbone.read(batch.input_ids, batch.attention_mask), batch.attention_mask, batch.texts,
            backbone.encoder(descriptions),
        )  # fmt: skip
        logits = backbone.write(states, mask, batch.decoder_ids)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad(set_to_none=True)
        (loss + description_loss(log_odds, batch.carried)).backward()
        torch.nn.utils.clip_grad_norm_(learners, 1.0)
        for group in optimizer.param_groups:  # constant, and from half way on linearly down to zero
            group["lr"] = group["peak"] * min(1.0, 2 * (1 - step / STEPS))
        optimizer.step()
        recent.append(loss.item())
        if step % 10 == 0:
            print(f"step {step} of {STEPS}: cross-entropy {statistics.mean(recent):.3f}", file=sys.stderr)
    if (reached := statistics.mean(recent)) > FLUENT:
        raise SystemExit(
            f"After {STEPS} steps the cross-entropy of a token is {reached:.3f}, above {FLUENT}: the model does not "
            "write descriptions, so the time that it takes would say nothing."
        )


def _document(number: int, chooser: random.Random) -> Example:
    """A text that names one to three labels, in target order, with a word of each description."""
    names = list(LABELS)
    labels = sorted(chooser.sample(range(len(names)), chooser.choice([1, 1, 2, 2, 3])))
    parts = [f"{names[label]} {chooser.choice(DESCRIPTIONS[label].split())}" for label in labels]
    return Example(str(number), " ".join(parts), tuple(names[label] for label in labels))


def _random_model(folder: Path) -> Path:
    words = " ".join([*LABELS, *DESCRIPTIONS]).split()
    vocabulary = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        additional_special_tokens=["<extra_id_0>"],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(SEED)
    base = T5Config(  # google-t5/t5-base
        vocab_size=32_128, d_model=768, d_kv=64, d_ff=3_072, num_layers=12, num_heads=12,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    T5ForConditionalGeneration(base).save_pretrained(folder)
    return folder
