"""The one interface through which models of every family are trained and asked.

A backbone is a generator (encoder-decoder or decoder alone) and the sentence encoder that is trained with it.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from safetensors.torch import save_model
from torch import Tensor, nn

from lagamc.config import Family, TrainingConfig
from lagamc.decoder import Decoder
from lagamc.encoder import DescriptionScorer, SentenceEmbedder, SentenceEncoder
from lagamc.errors import BackboneError, LabelError
from lagamc.labels import LabelSet
from lagamc.prompts import Prompt, Target
from lagamc.token_rows import plain_tokens
from lagamc.trie import DescriptionTrie

__all__ = ["Backbone", "Recalled", "single_token"]


class Recalled(NamedTuple):
    """What the decoder attends to for B documents, and how they compare with L descriptions."""

    states: Tensor  # (B, T', H)
    mask: Tensor  # (B, T')
    documents: Tensor  # (B, D) embeddings of the documents
    log_odds: Tensor  # (B, L) that a document carries a label


class Backbone(nn.Module):
    """A generator over V output slots, and a sentence encoder of dimension D.

    Output slot v stands for token `output_ids[v]` of the tokenizer; `bridge[v]` is its soft-token
    embedding for the encoder. A document goes through `read`, `recall` and then `write` (training) or
    `decoder` (generation); what the first two return belongs to the family, in hidden size H.

    Raises:
        BackboneError: the separator is not one token, or the tokenizer cannot write the descriptions.
        LabelError: a description holds the separator, or two become the same tokens.
    """

    family: ClassVar[Family]
    max_positions: int = sys.maxsize  # slots that the decoder can take
    counts_prompt: ClassVar[bool] = True  # whether `max_document_tokens` holds the prompt as well
    padding_of_a_pass: int = sys.maxsize  # slots of padding in a decoder pass that cost as much as another pass
    _bridge: Tensor | None

    def __init__(
        self, *, generator: Any, tokenizer: Any, encoder: SentenceEncoder, output_ids: Sequence[int],
        label_set: LabelSet, config: TrainingConfig, separator: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self.generator = generator
        self.encoder = encoder
        self.scorer = DescriptionScorer()
        self.tokenizer = tokenizer
        self.config = config
        self.target = Target(separator)
        self.target.check(label_set.descriptions)
        self._learnt = label_set.descriptions
        self.output_ids = list(output_ids)
        self._slots = {token: slot for slot, token in enumerate(self.output_ids)}
        self.separator_slot = self._slots[self._separator_token(separator)]
        self.end_slot = self._slots[self._end_token()]
        self.pad_slot = self._slots[tokenizer.pad_token_id]
        if self.separator_slot in (self.end_slot, self.pad_slot):
            raise BackboneError(
                f"The separator {separator!r} ends or pads a text for this backbone. Choose another one."
            )
        known = self._told_apart(label_set.descriptions)
        self._known = {tuple(self._slots[token] for token in ids): text for ids, text in known.items()}
        self._description_slots = list(map(list, self._known))
        reserved = {self.separator_slot, self.end_slot, self.pad_slot}
        for slots, text in self._known.items():
            if reserved.intersection(slots):
                raise LabelError(
                    f"The description {text!r} contains a token that parts or ends descriptions for this backbone, "
                    "so a generated text could not be split back into descriptions. Reword it."
                )
        if self.counts_prompt:
            self._refuse_long_prompt()
        self.register_buffer("_bridge", None, persistent=False)
        self._freeze_word_embeddings()
        if config.gradient_checkpointing:
            for model in (generator, encoder.transformer):
                model.gradient_checkpointing_enable({"use_reentrant": False})

    @property
    @abstractmethod
    def default_prompt(self) -> Prompt:
        """What this family reads before the document unless the configuration says otherwise."""

    @property
    @abstractmethod
    def start_slot(self) -> int:
        """The slot that starts every decoder input."""

    @abstractmethod
    def _end_token(self) -> int: ...

    @abstractmethod
    def _make_bridge(self) -> Tensor: ...

    @abstractmethod
    def embed_documents(self, states: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        """Sentence-encoder embeddings (B, D) of documents whose generator states are (B, T, H)."""

    def embed(self, input_ids: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        """As `embed_documents`, of prompts (B, T) whose states are not at hand."""
        return self.embed_documents(self.read(input_ids, mask), mask, texts)

    @abstractmethod
    def new_parameters(self) -> Iterable[nn.Parameter]:
        """The trained parameters that started from scratch, and so learn faster."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write encoder/, generator/, the scorer and the tokenizer; safetensors only."""

    @abstractmethod
    def read(self, input_ids: Tensor, mask: Tensor) -> Tensor:  # (B, T), (B, T) -> (B, T, H)
        """States of the prompts, padded on the right."""

    @abstractmethod
    def write(self, states: Tensor, mask: Tensor, decoder_ids: Tensor) -> Tensor:
        """Teacher forcing. (B, T', H), (B, T'), (B, U) -> logits (B, U, V)."""

    @abstractmethod
    def decoder(self, states: Tensor, mask: Tensor) -> Decoder:  # (B, T', H), (B, T')
        """What writes for B documents at once, from what `recall` gave."""

    @property
    def bridge(self) -> Tensor:  # (V, D)
        """Embeddings of the output slots for the encoder: made when first asked for, as only training needs them."""
        if self._bridge is None:
            self._bridge = self._make_bridge()
        return self._bridge

    @property
    def prompt(self) -> Prompt:
        """Instruction and task description in force."""
        default, config = self.default_prompt, self.config
        return Prompt(
            default.instruction if config.instruction is None else config.instruction,
            default.task_description if config.task_description is None else config.task_description,
        )

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.encoder.word_embeddings.device

    @cached_property
    def matching_encoder(self) -> SentenceEmbedder:
        """Embeds generated sentences and descriptions for the matcher, as `config.matcher` names it."""
        name = self.config.matcher
        if name == "trained":
            return self.encoder
        return self.starting_encoder if name == "frozen" else self._frozen(name)

    def load_matcher(self) -> None:
        """Load the encoder that `config.matcher` names now, not when the first epoch is evaluated.

        Raises:
            BackboneError: nothing of that name can be loaded.
        """
        self.matching_encoder.eval()

    @cached_property
    def starting_encoder(self) -> SentenceEmbedder:
        """The sentence encoder as it was before training."""
        return self._frozen(self._encoder_source())

    @cached_property
    def starting_descriptions(self) -> Tensor:
        """The label set's descriptions as that encoder embeds them, (L, D), on the CPU."""
        return self.starting_encoder.encode(self._learnt)

    def _frozen(self, source: str | None) -> SentenceEmbedder:
        return SentenceEmbedder.load(source).to(self.device).eval().requires_grad_(False)

    def _encoder_source(self) -> str | None:
        """Where the encoder's weights came from before training; None is the built-in one."""
        return None

    def _told_apart(self, descriptions: Sequence[str]) -> dict[tuple[int, ...], str]:
        """{token ids: description}, in order. Raises LabelError where two descriptions become the same tokens."""
        known: dict[tuple[int, ...], str] = {}
        tokens = plain_tokens(self.tokenizer, list(map(self.target.body, descriptions)))
        for ids, text in zip(map(tuple, tokens), descriptions, strict=True):
            if (same := known.setdefault(ids, text)) != text:
                raise LabelError(
                    f"The descriptions {same!r} and {text!r} become the same tokens for this backbone, which may not "
                    "tell case, accents or rare characters. No generated sentence could tell them apart. Reword one."
                )
        return known

    @cached_property
    def trie(self) -> DescriptionTrie:
        """The slots of the label set's descriptions."""
        return DescriptionTrie(self._description_slots)

    def target_slots(self, labels: Sequence[int]) -> list[int]:
        """Output slots of a target: descriptions of these labels, separators between, the end."""
        slots: list[int] = []
        for label in labels:
            if slots:
                slots.append(self.separator_slot)
            slots += self._description_slots[label]
        return [*slots, self.end_slot]

    def sentence_text(self, slots: Sequence[int]) -> str:
        """Text of one generated sentence; exactly the stored description where the tokens are its own."""
        if (known := self._known.get(tuple(slots))) is not None:
            return known
        text = self.tokenizer.decode([self.output_ids[slot] for slot in slots], skip_special_tokens=True)
        return " ".join(str(text).split())

    def sentences(self, slots: Sequence[int]) -> Iterator[tuple[int, int, str]]:
        """First slot, last slot + 1 and text of each sentence that is not blank, up to the end or the last slot."""
        first = 0
        for position, slot in enumerate([*slots, self.end_slot]):
            if slot not in (self.separator_slot, self.end_slot):
                continue
            if text := self.sentence_text(slots[first:position]):
                yield first, position, text
            if slot == self.end_slot:
                return
            first = position + 1

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompt of each document, cut to the configured length from the end."""
        prompts = [self.prompt.render(text) for text in texts]
        ids: list[list[int]] = self.tokenizer(  # a document may hold the name of a special token
            prompts, truncation=True, max_length=self.config.max_document_tokens, split_special_tokens=True
        )["input_ids"]  # fmt: skip
        return ids

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt that `tokenize` gives: of a document that fills it the rest was cut, if any."""
        return self.config.max_document_tokens

    def longest_target(self, sentences: int) -> int:
        """Slots enough for this many sentences of the longest description."""
        return sentences * (max(map(len, self._description_slots)) + 1)

    def recall(self, states: Tensor, mask: Tensor, texts: Sequence[str], descriptions: Tensor) -> Recalled:
        """What the decoder attends to, once the documents are compared with (L, D) descriptions."""
        documents = self.embed_documents(states, mask, texts)
        return Recalled(states, mask, documents, self.scorer(documents, descriptions))

    def embed_descriptions(self, descriptions: Sequence[str]) -> dict[str, Tensor]:
        """Embeddings of L descriptions: "trained" (L, D), and where another encoder matches, "matching" (L, D')."""
        embeddings = {"trained": self.encoder.encode(descriptions)}
        if self.matching_encoder is not self.encoder:
            embeddings["matching"] = self.matching_encoder.encode(descriptions)
        return embeddings

    def merge_adapters(self) -> None:
        """Make ready to answer: adapters beside frozen weights, where a model has them, become part of these."""

    def round_weights(self) -> None:
        """Hold weights in bfloat16: faster where products in it are, and no longer token for token float32's text."""
        self.generator.bfloat16()
        self.encoder.transformer.bfloat16()

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """{name: parameter} of everything that learns."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def _save_encoder(self, folder: Path) -> None:
        self.encoder.save(folder / "encoder")
        save_model(self.scorer, str(folder / "encoder" / "scorer.safetensors"))

    def _refuse_long_prompt(self) -> None:
        """Refuse a prompt that leaves the document, which stands behind it and is cut, less than a quarter."""
        most = self.config.max_document_tokens
        taken = len(self.tokenizer(self.prompt.render(""))["input_ids"])
        if 4 * taken > 3 * most:
            raise BackboneError(
                f"Instruction and task description take {taken} of {most} tokens; the document would be cut to what is "
                "left. Shorten them, or raise max_document_tokens."
            )

    def _separator_token(self, separator: str) -> int:
        return single_token(self.tokenizer, separator)

    def _freeze_word_embeddings(self) -> None:
        self.encoder.word_embeddings.requires_grad_(False)
        pooler = getattr(self.encoder.transformer, "pooler", None)
        if pooler is not None:
            pooler.requires_grad_(False)  # plays no part in mean pooling


def single_token(tokenizer: Any, separator: str) -> int:
    """The token that a separator is. Raises BackboneError where it is several, or unknown."""
    ids: list[int] = tokenizer(separator, add_special_tokens=False)["input_ids"]
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        found = f"{len(ids)} tokens" if len(ids) != 1 else "no token"
        raise BackboneError(f"The separator {separator!r} is {found} for this backbone; it must be one.")
    return ids[0]
