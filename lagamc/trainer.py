"""The training loop. Everything that is not training is a callback."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lagamc.backbone import Backbone
from lagamc.batches import Batch, Batches, one_ahead
from lagamc.callbacks import Callback
from lagamc.config import TrainingConfig, recommended_epochs
from lagamc.corpus import Corpus, Example
from lagamc.decision import WIDEST, WRITTEN_ONLY, DecisionRule
from lagamc.errors import Cancelled, TrainingError
from lagamc.evaluation import chosen_rule, decided, evaluate
from lagamc.labels import LabelSet
from lagamc.learning_rates import parameter_groups, schedule
from lagamc.losses import HybridLoss, compared_labels, description_loss
from lagamc.neighbours import Neighbours
from lagamc.precision import chosen_device, chosen_precision, reproducible
from lagamc.progress import TrainingState, has_checkpoint, load_weights, read_checkpoint, weights_of, write_checkpoint
from lagamc.self_distillation import SelfDistillation
from lagamc.soft_tokens import soft_tokens
from lagamc.workers import Workers

__all__ = ["Trainer"]


class Trainer:
    """Trains a backbone on a corpus with the hybrid loss and the description term.

    Args:
        backbone: what learns; changed in place.
        label_set: in target order.
        train, dev: dev decides which epoch is kept, free-running, by `config.metric`. It is read after every epoch, and
            where it is larger than train, after every so many.
        folder: where checkpoint/ lies; training goes on from there when it exists.
        callbacks: told of every event.
        cancelled: asked before every step.

    Raises:
        TrainingError: a split is empty, or there is one label.
        ConfigError: the device or the precision cannot be used here.
    """

    def __init__(
        self, backbone: Backbone, config: TrainingConfig, label_set: LabelSet, train: Corpus, dev: Corpus, *,
        folder: Path, callbacks: Sequence[Callback] = (), cancelled: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        if not train or not dev:
            raise TrainingError(f"Training needs documents in train and dev; found {len(train)} and {len(dev)}.")
        if len(label_set) < 2:
            raise TrainingError("Training needs at least 2 labels; found 1. Add another label with a description.")
        device = chosen_device(config.device)
        self.workers = Workers(cpu=device.type == "cpu")
        torch.manual_seed(config.seed + self.workers.index)
        self.device = self.workers.device or device
        self.precision = chosen_precision(config.precision, self.device)
        self.backbone = backbone.to(self.device)
        self.config, self.label_set, self.dev = config, label_set, dev
        self.hybrid = HybridLoss(
            initial_lambda=config.initial_lambda, bounds=config.lambda_bounds, mode=config.lambda_mode
        ).to(self.device)
        self.epochs = config.epochs or recommended_epochs(len(train))
        described = [Example(f"description of {label.name}", label.description, (label.name,)) for label in label_set]
        self.batches = Batches(
            backbone, [*train, *described], label_set, batch_size=config.batch_size, seed=config.seed
        )
        self.distilled = SelfDistillation(
            self.batches, share=config.self_distillation, epochs=self.epochs, device=self.device
        )
        self._parts = config.accumulation_steps * self.workers.count  # that a batch is computed in
        self.total_steps = self.epochs * len(self.batches)
        self.max_new_tokens = backbone.longest_target(1 + max(len(example.labels) for example in train))
        self.optimizer = torch.optim.AdamW(
            parameter_groups(backbone, self.hybrid, config), weight_decay=config.weight_decay, fused=True
        )
        self.state = TrainingState()
        self._checkpoint_folder = folder / "checkpoint"
        self._best_weights: dict[str, Tensor] = {}
        self._callbacks, self._cancelled = callbacks, cancelled
        self._train_documents, self._unlabelled = len(train), sum(not example.labels for example in train)
        self.training_data_hash = train.hash
        self._origin = {
            "train documents": self.training_data_hash, "dev documents": dev.hash, "labels": label_set.hash,
            "settings": config.hash,
        }  # fmt: skip

    def fit(self) -> TrainingState:
        """Train to the end, or until patience, if any, runs out; leaves the best epoch's weights in the backbone.

        Raises:
            Cancelled: on request; the last checkpoint stays.
            TrainingError: the loss is no longer a number, or a GPU's memory ran out.
        """
        if has_checkpoint(self._checkpoint_folder):
            self._resume()
        self._announce()
        self._started = self._saved = time.monotonic()
        self._resumed_step, self._earlier = self.state.step, self.state.elapsed
        while self.state.step < self.total_steps and not self._patience_ran_out():
            epoch, done = divmod(self.state.step, len(self.batches))
            self.backbone.train()
            batches = self.batches.epoch(epoch)
            if self.device.type == "cuda":
                batches = one_ahead(map(Batch.pinned, batches))
            for position, batch in enumerate(batches):
                if position < done:
                    continue
                if self.workers.any(self._cancelled):
                    raise Cancelled(f"Training was cancelled after step {self.state.step} of {self.total_steps}.")
                figures = self.training_step(batch.to(self.device))
                self.state.step += 1
                self._notify("step", step=self.state.step, epoch=self.state.step / len(self.batches), **figures)
                due = time.monotonic() - self._saved > self.config.checkpoint_seconds
                if due and position + 1 < len(self.batches):  # an epoch's end is saved once it is evaluated
                    self._save_checkpoint()
            if self._is_evaluated(epoch + 1):
                self._evaluate(epoch + 1)
            self._save_checkpoint()
        load_weights(self._learners(), self._best_weights)
        return self.state

    def _is_evaluated(self, epoch: int) -> bool:
        """Whether dev is read after this epoch: at least as many training documents were read before."""
        return epoch == self.epochs or epoch % math.ceil(len(self.dev) / self._train_documents) == 0

    def _patience_ran_out(self) -> bool:
        epoch, patience = self.state.step // len(self.batches), self.config.patience
        return patience is not None and self._is_evaluated(epoch) and epoch - self.state.best_epoch >= patience

    def training_step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step on one batch, in parts where memory or several GPUs ask for it.

        Gives the loss and its terms.
        """
        with reproducible(self.device):
            figures = self._step(batch)
        return {**self.workers.totals(figures), "learning_rate": self.optimizer.param_groups[0]["lr"]}

    def _step(self, batch: Batch) -> Counter[str]:
        self.optimizer.zero_grad(set_to_none=True)
        figures: Counter[str] = Counter()
        for part in self.workers.share(list(batch.parts(self._parts))):
            share = len(part.texts) / len(batch.texts)
            written = len(part.sentence_labels) / max(1, len(batch.sentence_labels))
            with self._autocast(), self._enough_memory():
                loss, terms = self.loss(part, cosine_share=written / share)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"The loss is {loss.item()} at step {self.state.step + 1}. Lower the learning rate "
                    f"(now {self.config.learning_rate:g}) and start again."
                )
            with self._enough_memory():
                (loss * share).backward()  # type: ignore[no-untyped-call]
            figures.update({name: value.item() * share for name, value in {"loss": loss, **terms}.items()})
        self.distilled.settle(self.workers)
        self.workers.add_up(self._learners().values())
        nn.utils.clip_grad_norm_(self.backbone.parameters(), self.config.max_gradient_norm)
        factor = schedule(self.state.step, self.total_steps, self.config.warmup_fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.step()
        return figures

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        """Raise TrainingError, with what to do, where the GPU's memory runs out meanwhile."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            config = self.config
            raise TrainingError(
                f"The memory of {self.device} ran out at step {self.state.step + 1}. Compute a batch in twice as many "
                f"parts (accumulation_steps, now {config.accumulation_steps}), compute activations twice "
                f"(gradient_checkpointing), or lower max_document_tokens (now {config.max_document_tokens})."
            ) from error

    def loss(self, batch: Batch, *, cosine_share: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss that is minimised, (), and its parts by name.

        The cosine term of a part of a batch counts by its sentences, `cosine_share` of what it would by its documents.
        """
        backbone = self.backbone
        columns, positions = compared_labels(batch.carried, self.config.descriptions_per_step)
        descriptions = backbone.encoder(self._description_features(columns))  # (C, D)
        states = backbone.read(batch.input_ids, batch.attention_mask)  # (B, T, H)
        states, mask, _, log_odds = backbone.recall(states, batch.attention_mask, batch.texts, descriptions)
        logits = backbone.write(states, mask, batch.decoder_ids)  # (B, U, V)

        sentences = math.ceil(self.config.cosine_sentences / self._parts)
        chosen = torch.randperm(len(batch.sentence_labels), device=self.device)[:sentences]
        rows, places = batch.sentence_rows[chosen, None], batch.sentence_positions[chosen]  # (S, 1), (S, W)
        slots = soft_tokens(logits[rows, places], backbone.bridge, self.config.soft_tokens)  # (S, W, D)
        in_use = batch.sentence_mask[chosen]
        generated = backbone.encoder.embed_soft(slots, in_use) if len(chosen) else descriptions[:0]  # (S, D)
        described = descriptions[positions[batch.sentence_labels[chosen]]]  # (S, D)

        hybrid, cross_entropy, cosine = self.hybrid(
            logits, batch.targets, generated, described, cosine_share=cosine_share
        )
        epoch = self.state.step // len(self.batches)
        wanted = self.distilled.targets(batch.carried[:, columns], batch.places, columns, epoch=epoch)
        matching = description_loss(log_odds, wanted)
        self.distilled.hear(log_odds, batch.places, columns)
        loss = hybrid + self.config.description_weight * matching
        parts = {"cross_entropy": cross_entropy, "cosine": cosine, "description": matching}
        return loss, parts | {"lambda": self.hybrid.weight}

    def _description_features(self, columns: Tensor) -> dict[str, Tensor]:
        texts = [self.label_set.descriptions[column] for column in columns.tolist()]
        features = self.backbone.encoder.tokenize(texts)
        return {name: values.to(self.device) for name, values in features.items()}

    def _evaluate(self, epoch: int) -> None:
        figures, _ = self.workers.from_first(self.measured)
        metric = self.config.metric
        best = not self.state.best or figures[metric] > self.state.best[metric]
        if best:
            self.state.best_epoch, self.state.best = epoch, figures
            self._best_weights = weights_of(self._learners())
        self._notify(
            "evaluation", step=self.state.step, epoch=epoch, best=best,
            micro_f1=figures["micro_f1"], macro_f1=figures["macro_f1"],
        )  # fmt: skip

    def measured(self, neighbours: Neighbours | None = None) -> tuple[dict[str, float], DecisionRule]:
        """Dev figures as the model stands, by the rule that dev likes best, and that rule. Raises Cancelled."""
        metric = self.config.metric
        by_probability = self.config.decision == "probability"
        report = evaluate(
            self.backbone, self.label_set, self.dev, max_new_tokens=self.max_new_tokens,
            threshold=self.config.threshold, rule=WIDEST if by_probability else WRITTEN_ONLY, neighbours=neighbours,
            cancelled=self._cancelled,
        )  # fmt: skip
        rule = chosen_rule(report, metric) if by_probability else WRITTEN_ONLY
        found = decided(report, rule).metrics
        return found.summary() | {metric: getattr(found, metric)}, rule

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _announce(self) -> None:
        trained = sum(parameter.numel() for parameter in self.backbone.trained_parameters().values())
        everything = sum(parameter.numel() for parameter in self.backbone.parameters())
        self._notify_all(
            "started",
            {
                "resumed_step": self.state.step, "total_steps": self.total_steps, "epochs": self.epochs,
                "train_documents": self._train_documents, "unlabelled_documents": self._unlabelled,
                "dev_documents": len(self.dev),
                "labels": len(self.label_set), "cut_targets": self.batches.cut,
                "full_documents": self.batches.full(self._train_documents),
                "max_document_tokens": self.config.max_document_tokens,
                "parameters": everything, "trainable_parameters": trained,
                "device": str(self.device), "precision": self.precision,
            },
        )  # fmt: skip

    def _notify(self, kind: str, **figures: Any) -> None:
        here = time.monotonic() - self._started
        self.state.elapsed = self._earlier + here
        done = max(1, self.state.step - self._resumed_step)
        remaining = here / done * (self.total_steps - self.state.step)
        self._notify_all(kind, {**figures, "elapsed": round(self.state.elapsed, 2), "remaining": round(remaining, 2)})

    def _notify_all(self, kind: str, figures: dict[str, Any]) -> None:
        if not self.workers.is_first:
            return
        for callback in self._callbacks:
            callback.on_event(kind, figures)

    def _learners(self) -> dict[str, nn.Parameter]:
        """Every parameter that the optimiser changes, the losses' own included."""
        return self.backbone.trained_parameters() | {f"hybrid.{n}": p for n, p in self.hybrid.named_parameters()}

    def _save_checkpoint(self) -> None:
        self._saved = time.monotonic()
        if self.workers.is_first:
            write_checkpoint(
                self._checkpoint_folder, learners=self._learners(), optimizer=self.optimizer, state=self.state,
                best=self._best_weights, said=self.distilled.said, device=self.device, origin=self._origin,
            )  # fmt: skip
            self._notify("checkpoint", step=self.state.step)

    def _resume(self) -> None:
        self.state, self._best_weights = read_checkpoint(
            self._checkpoint_folder, learners=self._learners(), optimizer=self.optimizer, said=self.distilled.said,
            device=self.device, origin=self._origin, own_random=not self.workers.is_first,
        )  # fmt: skip
