"""SetFit (Tunstall et al., 2022): contrastive pairs tune a sentence encoder, then one logistic regression a label."""

from __future__ import annotations

import tempfile

import numpy as np

from lagamc.baselines.peers import (
    PeerResult,
    PeerSettings,
    Scores,
    constant,
    indicators,
    learnable,
    optional,
    result_from_scores,
    silent,
)
from lagamc.corpus import Corpus
from lagamc.datasets import Split
from lagamc.errors import BackboneError, DatasetError
from lagamc.hub import OFFLINE, say_before_asking

__all__ = ["setfit"]


def setfit(split: Split, settings: PeerSettings) -> PeerResult:
    """The setfit package at its authors' settings: R pairs a document and kind, one epoch, batches of 16.

    Labels that no training document carries, or all do, have no head: they are predicted never, or always.

    Raises:
        ConfigError: the package is not installed.
        DatasetError: no label can be learnt.
        BackboneError: the sentence encoder cannot be loaded.
    """
    from lagamc.encoder import minilm_folder

    library, datasets = optional("setfit"), optional("datasets")
    train, _, _ = indicators(split)
    learnt = learnable(train)
    if not learnt:
        raise DatasetError("No label is carried by some training documents and not by others: nothing to learn.")
    source = str(minilm_folder()) if settings.model is None else settings.model
    say_before_asking(source)
    try:
        model = library.SetFitModel.from_pretrained(
            source, multi_target_strategy="one-vs-rest", head_params={"max_iter": 1000}
        )
    except (OSError, ValueError) as error:
        raise BackboneError(f"No sentence transformer can be loaded from {source}: {error} {OFFLINE}") from error
    texts = [example.text for example in split.train]
    pairs = datasets.Dataset.from_dict({"text": texts, "label": train[:, learnt].astype(int).tolist()})
    with tempfile.TemporaryDirectory() as scratch:
        arguments = library.TrainingArguments(
            output_dir=scratch, num_iterations=settings.pairs, num_epochs=1, batch_size=settings.batch_size,
            seed=settings.seed, max_length=settings.max_tokens, save_strategy="no", report_to="none",
            show_progress_bar=False,
        )  # fmt: skip
        with silent():
            library.Trainer(model=model, args=arguments, train_dataset=pairs).train()

    def scores(corpus: Corpus) -> Scores:
        found = np.repeat(constant(train)[None], len(corpus), axis=0)
        found[:, learnt] = model.predict_proba([example.text for example in corpus], as_numpy=True)
        return found

    return result_from_scores(split, scores(split.dev), scores(split.test), pairs=settings.pairs)
