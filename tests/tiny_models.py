"""Tiny random models with tokenizers trained on the spot, in the layouts that real ones come in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

_WORDS = (
    "the tweet message reports says asks about road noise waste bins parking parks water light bus tax thanks "
    "holes broken loud collection permit tree leak lamp driver bill praise street council please again today"
)


def build_tiny_embedded(folder: Path, texts: Iterable[str] = ()) -> Path:
    """A sentence-transformers folder: BERT with 2 layers of width 32, mean pooling, word-piece tokenizer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([_WORDS, *texts], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    bert = folder.with_name(folder.name + "-bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=512, hidden_dropout_prob=0.1,
    )  # fmt: skip
    model = BertModel(config)
    torch.nn.init.normal_(model.embeddings.word_embeddings.weight, std=0.5)  # frozen later: must tell words apart
    model.save_pretrained(bert)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(bert)
    modules = [Transformer(str(bert)), Pooling(32, "mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
    return folder


def build_tiny_t5(folder: Path, texts: Iterable[str] = ()) -> Path:
    """A T5 folder with 2 layers of width 32 and a unigram tokenizer with sentinels."""
    import torch
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    sentinels = [f"<extra_id_{number}>" for number in range(4)]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    from tokenizers import decoders

    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([_WORDS, *texts], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        additional_special_tokens=sentinels,
    )  # fmt: skip
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(fast) + 4, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
