"""The prompt by which a chat model refines a description, word for word as in section 3.2 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lagamc.errors import ConfigError

__all__ = ["Example", "refinement_prompt"]

MAX_EXAMPLE_CHARACTERS = 1500
OPEN, CLOSE = "\N{LEFT SINGLE QUOTATION MARK}", "\N{LEFT SINGLE QUOTATION MARK}"  # as printed in the paper


@dataclass(frozen=True, slots=True)
class Example:
    """A document that carries the label, and all its labels."""

    text: str
    labels: Sequence[str]


def refinement_prompt(
    *, label: str, description: str, dataset: str, examples: Sequence[Example], unit: str = "Text"
) -> str:
    """The prompt for one label.

    Args:
        label: its name.
        description: the initial one; may be empty.
        dataset: what the collection contains, in one sentence.
        examples: documents that carry the label; the paper shows two.
        unit: what a document is called, like "Tweet".

    Raises:
        ConfigError: the label has no name, or the unit is blank.
    """
    if not label.strip() or not unit.strip():
        raise ConfigError("The prompt needs the label's name and a word for a document, like 'Text' or 'Tweet'.")
    lines = [f"Label: {label}", f"Initial Description: {_line(description)}", f"Dataset: {_line(dataset)}"]
    if examples:
        lines.append("Examples from the dataset:")
    for number, example in enumerate(examples, start=1):
        lines += [f'{unit} {number}: "{_line(example.text)}"', f"Prediction: {', '.join(example.labels)}"]
    lines.append(
        f"Task: Generate a suitable label description for {OPEN}{label}{CLOSE} that fits the context of this dataset."
    )
    return "\n".join(lines)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_EXAMPLE_CHARACTERS else f"{line[:MAX_EXAMPLE_CHARACTERS].rstrip()}…"
