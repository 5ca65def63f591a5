"""What a chat model is asked: to refine a description, word for word as in section 3.2 of the paper, or to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lagamc.descriptions.corrections import Kind
from lagamc.errors import ConfigError

__all__ = ["MAX_EXAMPLE_CHARACTERS", "Example", "refinement_prompt", "rewording_prompt"]

MAX_EXAMPLE_CHARACTERS = 1500
OPEN, CLOSE = "\N{LEFT SINGLE QUOTATION MARK}", "\N{LEFT SINGLE QUOTATION MARK}"  # as printed in the paper
FOUND = {
    "missed": "A classifier missed this label in these documents; people added it:",
    "rejected": "A classifier gave this label to these documents wrongly; people took it away:",
}
WANTED = {"missed": "covers such documents as well", "rejected": "no longer covers such documents"}


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


def rewording_prompt(
    *, label: str, description: str, dataset: str, kind: Kind, texts: Sequence[str], terms: Sequence[str]
) -> str:
    """The prompt that asks for a wording which heeds corrections of one kind.

    Args:
        label: its name.
        description: the present one.
        dataset: what the collection contains, in one sentence.
        kind: whether the documents were missed, or the label was rejected for them.
        texts: typical ones of these documents.
        terms: words that set them apart.
    """
    lines = [f"Label: {label}", f"Description: {_line(description)}", f"Dataset: {_line(dataset)}", FOUND[kind]]
    lines += [f'Text {number}: "{_line(text)}"' for number, text in enumerate(texts, start=1)]
    if terms:
        lines.append(f"Words that set them apart: {', '.join(terms)}")
    lines.append(
        f"Task: Reword the description in one or two sentences so that it {WANTED[kind]}, and keep what else it "
        "says. Answer with the description alone."
    )
    return "\n".join(lines)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_EXAMPLE_CHARACTERS else f"{line[:MAX_EXAMPLE_CHARACTERS].rstrip()}…"
