"""The tree of expected errors. Every message says what was found and what to do."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BackboneError",
    "Cancelled",
    "CheckpointError",
    "ConfigError",
    "DatasetError",
    "LabelError",
    "LagamcError",
    "OutputError",
    "ProviderError",
    "RunTaken",
    "TrainingError",
    "few",
]

NAMED = 12  # of many things


class LagamcError(Exception):
    """Base of every error that a user of the library can cause and mend."""


class ConfigError(LagamcError):
    """A setting lies outside what is allowed."""


class LabelError(LagamcError):
    """A label or label set cannot be used as it stands."""


class DatasetError(LagamcError):
    """A file of documents cannot be read, or documents and labels do not fit together."""


class BackboneError(LagamcError):
    """A pretrained model is missing, damaged, or of a family that is not supported."""


class CheckpointError(LagamcError):
    """A run folder or model folder is incomplete, damaged, or belongs to another label set."""


class OutputError(LagamcError):
    """A file of results exists already, or does not go on from where its input and settings say."""


class TrainingError(LagamcError):
    """A training run cannot start or go on."""


class RunTaken(TrainingError):
    """Another process trains the run; nothing of it was touched."""


class ProviderError(LagamcError):
    """Wikipedia or a chat model cannot be reached, or did not give what was asked for; nothing was changed."""


class Cancelled(LagamcError):
    """The work was stopped on request; nothing is wrong."""


def few(names: Sequence[str]) -> str:
    """Names in a row; of many the first ones, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
