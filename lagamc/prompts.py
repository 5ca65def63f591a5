"""What the generator reads and writes: prompt and target of the paper (sections 5.1 and 5.2), and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lagamc.errors import LabelError

__all__ = ["INSTRUCTION", "TASK_DESCRIPTION", "Prompt", "Target"]

INSTRUCTION = "Instruction: First read the task description. There could be multiple categories description for a text."
TASK_DESCRIPTION = "Task: Multi-label Text Classification\nDescription: Generate label description for the given texts."


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instruction, task description and input text, in the order of Table 2. Blank parts are left out."""

    instruction: str = INSTRUCTION
    task_description: str = TASK_DESCRIPTION

    def render(self, text: str) -> str:
        """The prompt for one document."""
        return "\n".join(part for part in (self.instruction, self.task_description, text) if part)


@dataclass(frozen=True, slots=True)
class Target:
    """Descriptions joined by a separator, and split again without loss."""

    separator: str

    def body(self, description: str) -> str:
        """The description as it is written: without a final stop where the stop is the separator."""
        return description.removesuffix(self.separator).rstrip()

    def join(self, descriptions: Sequence[str]) -> str:
        """The text that the generator learns to write for a document with these labels."""
        return self.separator.join(map(self.body, descriptions))

    def split(self, text: str) -> tuple[str, ...]:
        """The sentences of a generated text; blank ones are dropped."""
        return tuple(sentence for part in text.split(self.separator) if (sentence := " ".join(part.split())))

    def check(self, descriptions: Iterable[str]) -> None:
        """Make sure that every target splits back into its descriptions.

        Raises:
            LabelError: a description contains the separator.
        """
        for description in descriptions:
            if self.split(self.join([description, description])) != (self.body(description),) * 2:
                raise LabelError(
                    f"The description {description!r} contains the separator {self.separator!r}, so a generated "
                    "text could not be split back into descriptions. Reword it, or use another separator."
                )
