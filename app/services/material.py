"""What a run is trained, chosen and measured on: the labelled documents of a project, by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlmodel import Session

from lagamc.corpus import Corpus, Example
from lagamc.errors import few
from lagamc.splits import LEAST, stratified_split
from storage import annotations as annotation_log
from storage import documents, labels
from storage.models import SplitName

__all__ = ["PARTS", "corpus", "missing", "problems", "sizes", "split", "to_split", "unassigned"]

PARTS: Mapping[str, tuple[SplitName, ...]] = {
    # an unassigned document becomes training data once it is labelled
    "train": (SplitName.TRAIN, SplitName.UNASSIGNED),
    "dev": (SplitName.DEV,),
    "test": (SplitName.TEST,),
}


def sizes(session: Session, project_id: int) -> dict[str, int]:
    """Return {part: labelled documents}."""
    counted = documents.labelled(session, project_id=project_id)
    return {part: sum(counted.get(split, 0) for split in splits) for part, splits in PARTS.items()}


def unassigned(session: Session, project_id: int) -> int:
    """Return how many labelled documents are in no split."""
    return documents.labelled(session, project_id=project_id).get(SplitName.UNASSIGNED, 0)


def missing(session: Session, project_id: int) -> dict[str, list[str]]:
    """Return {part: names of the labels in use that no document of it carries}, the most frequent ones first."""
    counts = documents.label_counts(session, project_id=project_id)
    frequency: Counter[int] = Counter()
    for label_id, _, number in counts:
        frequency[label_id] += number
    in_use = sorted(labels.described(session, project_id=project_id), key=lambda found: -frequency[found[0].id or 0])
    return {
        part: [label.name for label, _ in in_use if label.id not in carried]
        for part, splits in PARTS.items()
        for carried in [{label_id for label_id, split, _ in counts if split in splits}]
    }


def to_split(session: Session, project_id: int) -> int:
    """Return how many documents `split` would divide: dev has none with a label, and enough of those left have one."""
    counted = documents.carriers(session, project_id=project_id)
    divided = not counted.get(SplitName.DEV) and counted.get(SplitName.UNASSIGNED, 0) >= LEAST
    return unassigned(session, project_id) if divided else 0


def split(session: Session, project_id: int) -> None:
    """Divide labelled documents without a split, as an import does, where dev would be empty otherwise.

    So a project whose documents were all labelled in review can be trained; later ones become training documents.
    """
    if to_split(session, project_id):
        parts = stratified_split(corpus(session, project_id, (SplitName.UNASSIGNED,)))
        documents.assign(session, project_id=project_id, splits={key: SplitName(part) for key, part in parts.items()})


def problems(session: Session, project_id: int, sizes: Mapping[str, int]) -> list[str]:
    """Return what keeps a run from starting, a sentence each."""
    described = labels.described(session, project_id=project_id)
    counts = documents.label_counts(session, project_id=project_id)
    used = {
        part: {label_id for label_id, split, _ in counts if split in splits} & {label.id for label, _ in described}
        for part, splits in PARTS.items()
    }
    found = len(used["train"])
    found_problems = []
    if found < 2:
        found_problems.append(
            f"Training needs at least 2 labels that occur in training documents; found {found}. "
            "Import documents with more labels, or label some on the Review tab."
        )
    if not sizes["train"]:
        found_problems.append("There are no labelled training documents. Import some, or review some documents.")
    if not used["dev"] and not to_split(session, project_id):
        found_problems.append(
            "No document in the dev split, which picks the best epoch, carries a label. Import some, or label at least "
            f"{LEAST} documents without a split on the Review tab: a start then divides them."
        )
    if blank := [label.name for label, version in described if version is None]:
        found_problems.append(f"Labels without a description: {few(blank)}. Describe or retire them.")
    return found_problems


def corpus(session: Session, project_id: int, splits: tuple[SplitName, ...]) -> Corpus:
    """Return the documents of some splits that carry a label in use, or that a person reviewed as carrying none."""
    in_use = {label.name for label, _ in labels.described(session, project_id=project_id)}
    examples: list[Example] = []
    last = 0
    while page := documents.annotated(session, project_id=project_id, splits=splits, after_id=last):
        named = annotation_log.label_names(session, annotation_ids=[document.annotation_id for document in page])
        for document in page:
            carried = named.get(document.annotation_id or 0, ())
            names = tuple(name for name in carried if name in in_use)
            if names or (not carried and document.annotation_action in documents.REVIEWED):
                examples.append(Example(document.external_id, document.text, names))
        last = page[-1].id
    return Corpus(examples)
