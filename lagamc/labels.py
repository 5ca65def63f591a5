"""Labels with their descriptions, and the frozen, hashed set of them that a model is trained on."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lagamc.errors import LabelError, few

__all__ = ["Label", "LabelSet", "each_once", "half_character", "in_file", "name_key", "one_line"]

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))  # soft hyphen, spaces of no width: pages carry them


def each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of an object in a JSON file of labels, for `object_pairs_hook`.

    Raises:
        LabelError: a key comes twice; JSON would keep the last one and lose the others.
    """
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise LabelError(f"{key!r} comes twice. Rename or remove one of them.")
        content[key] = value
    return content


@contextmanager
def in_file(name: str) -> Iterator[None]:
    """Let errors of labels say in which file they stand."""
    try:
        yield
    except LabelError as error:
        raise LabelError(f"{name}: {error}") from error


def one_line(text: str) -> str:
    """A text with single spaces, composed accents and nothing invisible: names are equal where they look the same."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).split())


def name_key(name: str) -> str:
    """A label's name as names are compared."""
    return unicodedata.normalize("NFC", one_line(name).casefold())


def half_character(text: str) -> str | None:
    """The first surrogate that stands alone: JSON can name one, and no file, hash or tokenizer can take it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return None


@dataclass(frozen=True, slots=True)
class Label:
    """A name, and one or two sentences that say what the label means in this collection.

    Both are as `one_line` has them, so a line break can never occur inside a description.

    Raises:
        LabelError: the name is blank, or a surrogate stands alone.
    """

    name: str
    description: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name))
        object.__setattr__(self, "description", one_line(self.description))
        if not self.name:
            raise LabelError("A label has a blank name. Give every label a name.")
        if found := half_character(self.name + self.description):
            raise LabelError(
                f"{found!r}, half of a character, stands in the label {self.name!r}. Take it out, or write it whole."
            )


class LabelSet:
    """An ordered, immutable set of described labels. Its hash identifies names, texts and order.

    Raises:
        LabelError: no label, two labels of one name, a missing description, or two equal ones.
    """

    def __init__(self, labels: Iterable[Label]) -> None:
        self._labels = tuple(labels)
        if not self._labels:
            raise LabelError("The label set is empty. Add at least one label with a description.")
        self.names = tuple(label.name for label in self._labels)
        self.descriptions = tuple(label.description for label in self._labels)
        self._refuse_repeats()
        self._positions = {name: position for position, name in enumerate(self.names)}
        canonical = json.dumps([[label.name, label.description] for label in self._labels], ensure_ascii=False)
        self.hash = hashlib.sha256(canonical.encode()).hexdigest()

    def _refuse_repeats(self) -> None:
        if blank := [label.name for label in self._labels if not label.description]:
            raise LabelError(
                f"No description for: {few(blank)}. The model learns to write descriptions, so every label needs one."
            )
        names: set[str] = set()
        owners: dict[str, str] = {}
        for label in self._labels:
            if label.name in names:
                raise LabelError(f"Two labels are called {label.name!r}. Rename or merge one of them.")
            names.add(label.name)
            if rival := owners.get(label.description.casefold()):
                raise LabelError(
                    f"{rival!r} and {label.name!r} have the same description, so no sentence could tell "
                    "them apart. Say what differs."
                )
            owners[label.description.casefold()] = label.name

    def __iter__(self) -> Iterator[Label]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, position: int) -> Label:
        return self._labels[position]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelSet) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"LabelSet({len(self)} labels, {self.hash[:12]})"

    def index(self, name: str) -> int:
        """Position of the label called `name`. Raises LabelError when there is none."""
        try:
            return self._positions[name]
        except KeyError:
            raise LabelError(
                f"No label is called {name!r}. The labels are: {', '.join(self.names[:20])}"
                f"{', ...' if len(self) > 20 else ''}."
            ) from None

    @classmethod
    def from_mapping(cls, descriptions: Mapping[str, str]) -> LabelSet:
        """Build a set from {name: description}, in the mapping's order."""
        return cls(Label(name, description) for name, description in descriptions.items())

    def to_mapping(self) -> dict[str, str]:
        """{name: description}, in order."""
        return dict(zip(self.names, self.descriptions, strict=True))

    @classmethod
    def read(cls, path: str | Path) -> LabelSet:
        """Read a JSON file of {name: description}.

        Raises:
            LabelError: it is anything else, a name comes twice, or the labels cannot be used together.
        """
        path = Path(path)
        with in_file(path.name):
            try:
                content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=each_once)
            except (OSError, ValueError, RecursionError) as error:
                raise LabelError(f"It cannot be read as JSON ({error}). Expected {{name: description}}.") from error
            if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
                raise LabelError("It must hold one JSON object of {name: description}.")
            return cls.from_mapping(content)

    def write(self, path: str | Path) -> None:
        """Write {name: description} as JSON."""
        Path(path).write_text(json.dumps(self.to_mapping(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
